//! The limits by name: what a user or a policy can set, one number each.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::limits::CallLimits;

/// Limits that somebody wrote: milliseconds, bytes or counts, as the key says.
pub type LimitSet = BTreeMap<LimitKey, u64>;

/// A key under `limits:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKey {
    /// [`CallLimits::cpu`], in milliseconds.
    Cpu,
    /// [`CallLimits::wall`], in milliseconds.
    Time,
    /// [`CallLimits::memory_bytes`].
    Memory,
    /// [`CallLimits::memories`].
    Memories,
    /// [`CallLimits::tables`].
    Tables,
    /// [`CallLimits::table_elements`].
    TableElements,
    /// [`CallLimits::instances`].
    Instances,
    /// [`CallLimits::handles`].
    Handles,
    /// [`CallLimits::hostcall_bytes`].
    Exchange,
    /// [`CallLimits::answer_bytes`].
    Answer,
    /// [`CallLimits::log_bytes`].
    Log,
    /// [`CallLimits::log_lines`].
    LogLines,
    /// [`CallLimits::file_bytes`].
    File,
    /// [`CallLimits::http_requests`].
    HttpRequests,
    /// [`CallLimits::http_bytes`].
    Http,
    /// [`CallLimits::http_header_bytes`].
    HttpHeaders,
    /// [`CallLimits::http_timeout`], in milliseconds.
    HttpTimeout,
    /// [`CallLimits::random_bytes`].
    Random,
    /// [`CallLimits::component_bytes`].
    Component,
    /// [`CallLimits::compile`], in milliseconds.
    Compile,
}

impl LimitKey {
    /// All of them, in the order of the documentation.
    pub const ALL: [LimitKey; 20] = [
        LimitKey::Cpu,
        LimitKey::Time,
        LimitKey::Memory,
        LimitKey::Memories,
        LimitKey::Tables,
        LimitKey::TableElements,
        LimitKey::Instances,
        LimitKey::Handles,
        LimitKey::Exchange,
        LimitKey::Answer,
        LimitKey::Log,
        LimitKey::LogLines,
        LimitKey::File,
        LimitKey::HttpRequests,
        LimitKey::Http,
        LimitKey::HttpHeaders,
        LimitKey::HttpTimeout,
        LimitKey::Random,
        LimitKey::Component,
        LimitKey::Compile,
    ];

    /// The key as it is written.
    pub const fn key(self) -> &'static str {
        match self {
            LimitKey::Cpu => "cpu",
            LimitKey::Time => "time",
            LimitKey::Memory => "memory",
            LimitKey::Memories => "memories",
            LimitKey::Tables => "tables",
            LimitKey::TableElements => "table-elements",
            LimitKey::Instances => "instances",
            LimitKey::Handles => "handles",
            LimitKey::Exchange => "exchange",
            LimitKey::Answer => "answer",
            LimitKey::Log => "log",
            LimitKey::LogLines => "log-lines",
            LimitKey::File => "file",
            LimitKey::HttpRequests => "http-requests",
            LimitKey::Http => "http",
            LimitKey::HttpHeaders => "http-headers",
            LimitKey::HttpTimeout => "http-timeout",
            LimitKey::Random => "random",
            LimitKey::Component => "component",
            LimitKey::Compile => "compile",
        }
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl CallLimits {
    /// The number behind a key.
    pub fn get(&self, key: LimitKey) -> u64 {
        let time = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match key {
            LimitKey::Cpu => time(self.cpu),
            LimitKey::Time => time(self.wall),
            LimitKey::Memory => self.memory_bytes as u64,
            LimitKey::Memories => self.memories as u64,
            LimitKey::Tables => self.tables as u64,
            LimitKey::TableElements => self.table_elements as u64,
            LimitKey::Instances => self.instances as u64,
            LimitKey::Handles => self.handles as u64,
            LimitKey::Exchange => self.hostcall_bytes as u64,
            LimitKey::Answer => self.answer_bytes as u64,
            LimitKey::Log => self.log_bytes,
            LimitKey::LogLines => self.log_lines,
            LimitKey::File => self.file_bytes,
            LimitKey::HttpRequests => u64::from(self.http_requests),
            LimitKey::Http => self.http_bytes,
            LimitKey::HttpHeaders => self.http_header_bytes as u64,
            LimitKey::HttpTimeout => time(self.http_timeout),
            LimitKey::Random => self.random_bytes,
            LimitKey::Component => self.component_bytes as u64,
            LimitKey::Compile => time(self.compile),
        }
    }

    /// Put a number behind a key. One that this machine cannot count to is
    /// taken as the largest that it can.
    pub fn set(&mut self, key: LimitKey, value: u64) {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        let time = Duration::from_millis(value);
        match key {
            LimitKey::Cpu => self.cpu = time,
            LimitKey::Time => self.wall = time,
            LimitKey::Memory => self.memory_bytes = size,
            LimitKey::Memories => self.memories = size,
            LimitKey::Tables => self.tables = size,
            LimitKey::TableElements => self.table_elements = size,
            LimitKey::Instances => self.instances = size,
            LimitKey::Handles => self.handles = size,
            LimitKey::Exchange => self.hostcall_bytes = size,
            LimitKey::Answer => self.answer_bytes = size,
            LimitKey::Log => self.log_bytes = value,
            LimitKey::LogLines => self.log_lines = value,
            LimitKey::File => self.file_bytes = value,
            LimitKey::HttpRequests => {
                self.http_requests = u32::try_from(value).unwrap_or(u32::MAX);
            }
            LimitKey::Http => self.http_bytes = value,
            LimitKey::HttpHeaders => self.http_header_bytes = size,
            LimitKey::HttpTimeout => self.http_timeout = time,
            LimitKey::Random => self.random_bytes = value,
            LimitKey::Component => self.component_bytes = size,
            LimitKey::Compile => self.compile = time,
        }
    }

    /// These limits with those that somebody wrote in their place. More time to
    /// compute without a word about the whole call means a longer call, too.
    #[must_use]
    pub fn with(mut self, written: &LimitSet) -> CallLimits {
        for (key, value) in written {
            self.set(*key, *value);
        }
        if !written.contains_key(&LimitKey::Time) {
            self.wall = self.wall.max(self.cpu);
        }
        self
    }

    /// These limits, none of them above `most`.
    #[must_use]
    pub fn within(mut self, most: &LimitSet) -> CallLimits {
        for (key, most) in most {
            if self.get(*key) > *most {
                self.set(*key, *most);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Hook;

    #[test]
    fn each_key_is_a_limit_of_its_own() {
        let numbers = (1..).zip(LimitKey::ALL);
        let written: LimitSet = numbers.map(|(number, key)| (key, number)).collect();
        let limits = CallLimits::of(Hook::Build).clone().with(&written);
        for (key, number) in &written {
            assert_eq!(limits.get(*key), *number, "{key}");
        }
        let keys: Vec<_> = LimitKey::ALL.iter().map(|key| key.key()).collect();
        let mut unique = keys.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), keys.len());
    }

    #[test]
    fn a_bound_lowers_and_never_raises() {
        let limits = CallLimits::BRIEF.clone();
        for key in LimitKey::ALL {
            let low = LimitSet::from([(key, 1)]);
            let high = LimitSet::from([(key, u64::MAX)]);
            assert_eq!(limits.clone().within(&low).get(key), 1, "{key}");
            assert_eq!(limits.clone().within(&high), limits, "{key}");
        }
    }

    #[test]
    fn a_call_may_last_as_long_as_it_may_compute() {
        let written = LimitSet::from([(LimitKey::Cpu, 60_000)]);
        let limits = CallLimits::BRIEF.clone().with(&written);
        assert_eq!(limits.wall, Duration::from_secs(60));
        let both = LimitSet::from([(LimitKey::Cpu, 60_000), (LimitKey::Time, 1_000)]);
        let limits = CallLimits::BRIEF.clone().with(&both);
        assert_eq!(limits.wall, Duration::from_secs(1));
    }
}
