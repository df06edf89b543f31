//! The plugin host: a real engine, and one guest for each misbehaviour.

mod capability;
mod compiled;
mod frozen;
mod guest;
mod honest;
mod hostile;
mod limits;
mod load;
mod rounds;
mod spoken;
mod moved;
mod net;
mod process;
mod secrets;
