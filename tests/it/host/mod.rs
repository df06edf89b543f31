//! The plugin host: a real engine, and one guest for each misbehaviour.

mod capability;
mod guest;
mod honest;
mod hostile;
mod load;
mod moved;
mod net;
mod process;
mod secrets;
