//! The first-party monitors on real sources.

mod logs;
