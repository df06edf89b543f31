//! Why a call of a plugin came to nothing, in the one form that people get: the
//! plugin, the class of the failure, what happened and what to do.

use std::fmt;

use baepo_runtime::plugin::{CallError, LoadError};

use super::annotation::{data, property};
use crate::render::first_line;

/// A plugin and why it did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginFailure {
    plugin: String,
    class: &'static str,
    message: String,
    help: &'static str,
}

impl PluginFailure {
    /// A call that came to nothing.
    pub(crate) fn of_call(plugin: &str, error: &CallError) -> PluginFailure {
        PluginFailure {
            plugin: plugin.into(),
            class: error.class(),
            message: error.to_string(),
            help: error.help(),
        }
    }

    /// A plugin that was refused.
    pub(crate) fn of_load(plugin: &str, error: &LoadError) -> PluginFailure {
        PluginFailure {
            plugin: plugin.into(),
            class: error.class(),
            message: error.to_string(),
            help: error.help(),
        }
    }

    /// As an annotation of a GitHub job.
    pub(crate) fn annotation(&self) -> String {
        let title = property(&format!("baepo: plugin {}: {}", self.plugin, self.class));
        let mut text = data(&self.message);
        if !self.help.is_empty() {
            text.push_str("%0A");
            text.push_str(&data(self.help));
        }
        format!("::error title={title}::{text}")
    }
}

impl fmt::Display for PluginFailure {
    /// `plugin x: cpu-timeout: it computed for more than 5s (raise …)`. What a
    /// program printed is with the stage that failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PluginFailure {
            plugin,
            class,
            message,
            help,
        } = self;
        let message = first_line(message);
        write!(f, "plugin `{plugin}`: {class}: {message}")?;
        match *help {
            "" => Ok(()),
            help => write!(f, " ({help})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use baepo_core::hook::HookError;
    use baepo_core::time::Millis;
    use baepo_runtime::plugin::{Hook, Limit, TrapKind};
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_class_has_its_message_and_its_annotation() {
        let limit = Duration::from_secs(5);
        let errors = [
            CallError::Plugin(HookError::InvalidConfig(Vec::new())),
            CallError::Plugin(HookError::Denied("run".into())),
            CallError::Plugin(HookError::Unavailable(Millis(1000))),
            CallError::Plugin(HookError::Failed("2 files, 100 %:\n::error::x".into())),
            CallError::CpuTimeout { limit },
            CallError::WallTimeout {
                limit,
                in_host_call: Some("http.send"),
            },
            CallError::OutOfMemory {
                limit_bytes: 128 << 20,
                asked_bytes: 129 << 20,
            },
            CallError::LimitExceeded {
                which: Limit::Handles,
                limit: 1000,
                asked: None,
            },
            CallError::Trap {
                function: "strategy.decide",
                kind: TrapKind::StackOverflow,
                frames: vec!["deeper".into()],
            },
            CallError::BadExchange {
                function: "strategy.decide",
                why: "x".into(),
            },
            CallError::Exited {
                function: "strategy.decide",
                code: 0,
            },
            CallError::InvalidAnswer {
                function: "strategy.decide",
                why: "x".into(),
            },
            CallError::NoSuchHook { hook: Hook::Build },
            CallError::CannotStart { why: "x".into() },
            CallError::Cancelled,
            CallError::HostBusy,
            CallError::HostBug { what: "x".into() },
        ];
        let mut classes: Vec<&str> = errors.iter().map(CallError::class).collect();
        let shown: Vec<String> = errors
            .iter()
            .map(|error| PluginFailure::of_call("p", error).annotation())
            .collect();
        expect![[r#"
            ::error title=baepo%3A plugin p%3A invalid-config::its configuration is wrong%0Acorrect `with:` where the plugin is used
            ::error title=baepo%3A plugin p%3A denied::it needs `run`, which is not granted%0Agrant it under `allow:` where the plugin is used, if it is to have it; its author states it among the wishes of baepo-plugin.yml
            ::error title=baepo%3A plugin p%3A unavailable::something it needs is not there at the moment (try again in 1s)
            ::error title=baepo%3A plugin p%3A plugin-error::2 files, 100 %25:%0A| ::error::x
            ::error title=baepo%3A plugin p%3A cpu-timeout::it computed for more than 5s%0Araise its time under `limits:`, or see its last log lines for what it was doing
            ::error title=baepo%3A plugin p%3A wall-timeout::it took more than 5s, the last of it in `http.send`%0Araise its time under `limits:`, or see its last log lines for what it was doing
            ::error title=baepo%3A plugin p%3A out-of-memory::it asked for 129 MiB of memory; it may have 128 MiB%0Araise its memory under `limits:`, or give it less to do
            ::error title=baepo%3A plugin p%3A limit-exceeded::it used more than 1000 handles; it may use 1000%0Araise it under `limits:`, or give the plugin less to do
            ::error title=baepo%3A plugin p%3A trap::it crashed in `strategy.decide`: it called itself too deeply, in `deeper`%0Athis is a mistake in the plugin: what it printed and logged last is in the log, and a build that keeps names says which function
            ::error title=baepo%3A plugin p%3A bad-exchange::it broke the rules of the plugin interface in `strategy.decide`: x%0Awhat it handed over is no value of wit/: text that is not UTF-8, a case or a variant that there is not, a list outside of its memory; bindings of another version do that too
            ::error title=baepo%3A plugin p%3A exited::it exited with code 0 instead of answering `strategy.decide`%0Athis is a mistake in the plugin: a hook answers, with an error where it must
            ::error title=baepo%3A plugin p%3A invalid-answer::its answer to `strategy.decide` makes no sense: x%0Athis is a mistake in the plugin: see what wit/ says of that function
            ::error title=baepo%3A plugin p%3A no-such-hook::it has no build hook%0Ause a plugin of the right kind at this place of the file
            ::error title=baepo%3A plugin p%3A cannot-start::it could not be started: x%0Abuild it as one module, or compose fewer parts
            ::error title=baepo%3A plugin p%3A cancelled::the call was cancelled
            ::error title=baepo%3A plugin p%3A host-busy::all sandboxes are in use%0Atry again
            ::error title=baepo%3A plugin p%3A host-bug::baepo made a mistake: x%0Aplease report this"#]].assert_eq(&shown.join("\n"));
        classes.sort_unstable();
        classes.dedup();
        assert_eq!(classes.len(), errors.len(), "two classes have one word");
        let text = PluginFailure::of_call("p", &errors[4]).to_string();
        expect![["plugin `p`: cpu-timeout: it computed for more than 5s (raise its time under `limits:`, or see its last log lines for what it was doing)"]].assert_eq(&text);
    }

    #[test]
    fn refusals_have_a_class_too() {
        let shown = [
            LoadError::NotWasm {
                found: "it is a web page",
            },
            LoadError::CompileTimeout {
                limit: Duration::from_secs(120),
            },
        ]
        .map(|error| PluginFailure::of_load("p", &error).annotation());
        expect![[r#"
            ::error title=baepo%3A plugin p%3A bad-plugin::it is not WebAssembly: it is a web page%0Acheck the path and that the file was downloaded whole
            ::error title=baepo%3A plugin p%3A compile-timeout::it was not compiled after 2m%0Abuild it for size, or raise `compile` under `limits:`"#]].assert_eq(&shown.join("\n"));
    }
}
