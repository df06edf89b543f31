//! The router with real services behind it and a client that checks every
//! answer in front of it.

mod nginx;
mod protocol;
mod sticky;
mod under_load;
