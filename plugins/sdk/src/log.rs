//! Lines for the run's log.

use std::fmt;

pub use crate::bindings::imports::log::LogLevel;

/// Writes one line; use the macros [`crate::debug!`], [`crate::info!`],
/// [`crate::warn!`] and [`crate::error!`].
///
/// In a plugin's own unit tests it goes to the [fake host](crate::fake) of the
/// call, and nowhere where there is none.
pub fn line(level: LogLevel, message: fmt::Arguments<'_>, fields: &[(&str, &dyn fmt::Display)]) {
    let fields: Vec<(String, String)> = fields
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    crate::bindings::imports::log::log(level, &message.to_string(), &fields);
}

/// Writes a line that only matters when looking for a mistake.
#[macro_export]
macro_rules! debug { ($($line:tt)*) => { $crate::log_line!(Debug; $($line)*) } }

/// Writes a line: `info!("text {x}")` or `info!("text {x}"; key = value, …)`.
#[macro_export]
macro_rules! info { ($($line:tt)*) => { $crate::log_line!(Info; $($line)*) } }

/// Writes a line that somebody should look at.
#[macro_export]
macro_rules! warn { ($($line:tt)*) => { $crate::log_line!(Warn; $($line)*) } }

/// Writes a line about something that is wrong.
#[macro_export]
macro_rules! error { ($($line:tt)*) => { $crate::log_line!(Error; $($line)*) } }

/// What the macros above have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! log_line {
    ($level:ident; $text:literal $(; $($key:ident = $value:expr),+ $(,)?)?) => {
        $crate::log::line(
            $crate::log::LogLevel::$level,
            ::std::format_args!($text),
            &[$($((::std::stringify!($key), &$value)),+)?],
        )
    };
}
