//! Integration tests.

mod action;
mod agent;
mod architecture;
mod docs;
mod github;
mod host;
mod life;
mod monitor;
mod router;
mod sample;
mod service;
mod sim;
mod style;
mod supply;
mod wit;
