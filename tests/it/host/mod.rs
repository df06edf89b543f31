//! The plugin host: a real engine, and one guest for each misbehaviour.

mod bound;
mod capability;
mod checked;
mod compiled;
mod frozen;
pub(crate) mod guest;
mod honest;
mod hostile;
mod limits;
mod load;
mod made;
mod mistaken;
mod moved;
mod net;
mod packed;
mod process;
mod rounds;
mod secrets;
mod spoken;
