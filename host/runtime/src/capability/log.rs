//! `log`: lines for the run's log, counted and cut.

use std::sync::Arc;

use super::redact::Redactor;
use crate::plugin::bindings::baepo::hooks::log as wit;
use crate::plugin::state::CallState;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// For who looks for a mistake.
    Debug,
    /// The ordinary.
    Info,
    /// Look at it.
    Warn,
    /// Something is wrong.
    Error,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// The plugin called `log`.
    Log,
    /// The plugin wrote to its standard output.
    Stdout,
    /// The plugin wrote to its standard error.
    Stderr,
    /// A program that the plugin runs wrote to its standard output.
    ProgramStdout,
    /// A program that the plugin runs wrote to its standard error.
    ProgramStderr,
    /// The host has something to say about the plugin.
    Host,
}

/// One line. The text is as the plugin gave it, without secrets: who prints it
/// makes workflow commands and control characters in it harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The plugin's name in the user's file.
    pub plugin: Arc<str>,
    /// How loud it is.
    pub level: LogLevel,
    /// The text, without its line end.
    pub message: String,
    /// Shown as `key=value` behind it.
    pub fields: Vec<(String, String)>,
    /// Where it comes from.
    pub stream: LogStream,
}

/// Takes lines as they come. Called on the thread that runs the plugin: it
/// must be quick and must not block.
pub type LogSink = Arc<dyn Fn(LogRecord) + Send + Sync>;

/// Counts the lines of one call, drops those beyond the limits, and takes
/// secrets out of the others.
pub(crate) struct LogGate {
    plugin: Arc<str>,
    sink: LogSink,
    redactor: Arc<Redactor>,
    lines_left: u64,
    bytes_left: u64,
    dropped: u64,
}

impl LogGate {
    pub(crate) fn new(
        plugin: Arc<str>,
        sink: LogSink,
        redactor: Arc<Redactor>,
        (lines, bytes): (u64, u64),
    ) -> LogGate {
        LogGate {
            plugin,
            sink,
            redactor,
            lines_left: lines,
            bytes_left: bytes,
            dropped: 0,
        }
    }

    /// Takes secrets out of what is shown.
    pub(crate) fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor)
    }

    /// How many lines were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn write(
        &mut self,
        level: LogLevel,
        message: String,
        fields: Vec<(String, String)>,
        stream: LogStream,
    ) {
        let size: usize = fields
            .iter()
            .map(|(key, value)| key.len() + value.len() + 2)
            .sum();
        let size = (message.len() + size + 1) as u64;
        if self.dropped > 0 || self.lines_left == 0 || self.bytes_left < size {
            if self.dropped == 0 {
                let message = "the log of this call is full; further lines are dropped";
                self.send(LogLevel::Warn, message.into(), Vec::new(), LogStream::Host);
            }
            self.dropped += 1;
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= size;
        self.send(level, message, fields, stream);
    }

    /// A line of the host's own, outside the limits.
    pub(crate) fn note(&self, level: LogLevel, message: String) {
        self.send(level, message, Vec::new(), LogStream::Host);
    }

    fn send(
        &self,
        level: LogLevel,
        message: String,
        fields: Vec<(String, String)>,
        stream: LogStream,
    ) {
        let hide = |text| self.redactor.text(text);
        (self.sink)(LogRecord {
            plugin: Arc::clone(&self.plugin),
            level,
            message: hide(message),
            fields: fields
                .into_iter()
                .map(|(key, value)| (hide(key), hide(value)))
                .collect(),
            stream,
        });
    }
}

impl wit::Host for CallState {
    fn log(
        &mut self,
        level: wit::LogLevel,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            wit::LogLevel::Debug => LogLevel::Debug,
            wit::LogLevel::Info => LogLevel::Info,
            wit::LogLevel::Warn => LogLevel::Warn,
            wit::LogLevel::Error => LogLevel::Error,
        };
        self.gate().write(level, message, fields, LogStream::Log);
        Ok(())
    }
}
