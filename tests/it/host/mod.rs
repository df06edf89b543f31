//! The plugin host: a real engine, and one guest for each misbehaviour.

mod capability;
pub(crate) mod guest;
mod honest;
mod hostile;
mod load;
