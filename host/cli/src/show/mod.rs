//! What a person sees while a run goes on: progress bars on a terminal, groups
//! in Actions, plain lines elsewhere, nothing where JSON is asked for.

mod annotation;
mod failure;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baepo_core::hook::Annotation;
use baepo_core::pipeline::{Stage, StageResult};
use baepo_core::report::{Report, RolloutReport, StageReport};
use baepo_core::rollout::{Entry, Record};
use baepo_runtime::capability::secrets::{SecretValue, SecretVault};
use baepo_runtime::clock::now;
use baepo_runtime::keys::Keys;
use indicatif::{ProgressBar, ProgressStyle};

use crate::render::terminal::{self, Paint};

pub(crate) use failure::PluginFailure;

/// Tell the log of a GitHub job what to hide: each line of each secret, before
/// anything else is said. It hides what others print, too.
pub(crate) fn mask(secrets: &SecretVault) {
    if std::env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return;
    }
    let mut stderr = std::io::stderr().lock();
    for line in secrets.secrets().flat_map(SecretValue::lines) {
        // Nobody reads it: there is nothing to hide from.
        let _ = writeln!(stderr, "::add-mask::{}", line.replace('%', "%25"));
    }
}

/// How to show a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A person at a terminal.
    Terminal,
    /// The log of a GitHub job.
    Actions,
    /// A file or a pipe.
    Plain,
    /// Nothing: standard output is for a document.
    Quiet,
}

/// Shows one run. Clones show on the same screen.
#[derive(Clone)]
pub(crate) struct Show {
    mode: Mode,
    paint: Paint,
    live: Arc<Mutex<Option<ProgressBar>>>,
    /// Whether keys may be listened to.
    may_listen: bool,
    /// Whether they are.
    listens: Arc<AtomicBool>,
    /// What ends the ignoring of workflow commands; not to be guessed by what
    /// a plugin prints.
    fence: Arc<str>,
}

impl Show {
    /// Chosen by where standard error goes and what the environment says.
    pub(crate) fn new(quiet: bool) -> Show {
        let mode = if quiet {
            Mode::Quiet
        } else if is_in_actions() {
            Mode::Actions
        } else if std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_some_and(|t| t != "dumb")
        {
            Mode::Terminal
        } else {
            Mode::Plain
        };
        let colour = mode == Mode::Terminal && std::env::var_os("NO_COLOR").is_none();
        let fence = format!("baepo-{:x}-{}", now().0, std::process::id());
        Show {
            mode,
            paint: Paint(colour),
            live: Arc::new(Mutex::new(None)),
            may_listen: false,
            listens: Arc::default(),
            fence: fence.into(),
        }
    }

    /// The same, for a run whose rollouts a person may steer by keys.
    pub(crate) fn with_keys(self) -> Show {
        Show {
            may_listen: self.mode == Mode::Terminal,
            ..self
        }
    }

    /// The keys of a person at the terminal, where there is one.
    pub(crate) fn listen(&self) -> Option<Keys> {
        let keys = if self.may_listen {
            Keys::listen()
        } else {
            None
        };
        self.listens.store(keys.is_some(), Ordering::Relaxed);
        keys
    }

    /// Colours, or none.
    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Lines for the log, above whatever is live. In Actions nothing in them
    /// is a command, wherever the text comes from.
    pub(crate) fn line(&self, text: &str) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Actions => self.write(&without_commands(text)),
            Mode::Terminal | Mode::Plain => self.write(text),
        }
    }

    /// A command for the runner, of our own words alone.
    fn command(&self, text: &str) {
        self.write(text);
    }

    fn write(&self, text: &str) {
        let live = self
            .live
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let write = || {
            let mut stderr = std::io::stderr().lock();
            // Nobody reads it any more: the run goes on all the same.
            let _ = writeln!(stderr, "{text}");
        };
        match &*live {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn set_live(&self, message: String) {
        let mut live = self
            .live
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = live.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(message);
    }

    fn end_live(&self) {
        let mut live = self
            .live
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = live.take() {
            bar.finish_and_clear();
        }
    }

    /// A stage begins.
    pub(crate) fn stage_began(&self, stage: &Stage, what: &str) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Terminal => {
                let mark = self.paint.busy("●");
                self.set_live(format!("{mark} {:<10} {what}", stage.title()));
            }
            Mode::Actions => {
                let what = without_commands(what).replace('\n', " ");
                self.command(&format!("::group::{} {what}", stage.title()));
                self.command(&format!("::stop-commands::{}", self.fence));
            }
            Mode::Plain => self.line(format!("{} {what}", stage.title()).trim_end()),
        }
    }

    /// One line of what a plugin, or a program that it runs, says.
    pub(crate) fn log(&self, plugin: &str, stage: &str, text: &str) {
        let text: String = text
            .chars()
            .filter(|c| !c.is_control() || *c == '\t')
            .collect();
        match self.mode {
            Mode::Quiet => {}
            Mode::Terminal => {
                let mark = self.paint.busy("●");
                let tail: String = text.chars().take(100).collect();
                self.set_live(format!(
                    "{mark} {stage:<10} {plugin}\n  {}",
                    self.paint.dim(&tail)
                ));
            }
            Mode::Actions | Mode::Plain => self.line(&format!("  {plugin} | {text}")),
        }
    }

    /// A plugin did not do its work: an annotation in Actions, where commands
    /// are ignored while a stage goes on.
    pub(crate) fn plugin_failed(&self, failure: &PluginFailure) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Actions => {
                self.command(&format!("::{}::", self.fence));
                self.command(&failure.annotation());
                self.command(&format!("::stop-commands::{}", self.fence));
            }
            Mode::Terminal | Mode::Plain => self.line(&failure.to_string()),
        }
    }

    /// A remark on the code, as an annotation in Actions; to be said between
    /// stages.
    pub(crate) fn annotate(&self, remark: &Annotation) {
        if self.mode == Mode::Actions {
            self.command(&annotation::of_remark(remark));
        }
    }

    /// A stage has ended.
    pub(crate) fn stage_ended(&self, stage: &StageReport) {
        self.end_live();
        if self.mode == Mode::Actions && stage.began.is_some() {
            self.command(&format!("::{}::", self.fence));
            self.command("::endgroup::");
        }
        if let Stage::Rollout(_) = stage.stage
            && stage.result != Some(StageResult::Skipped)
        {
            return;
        }
        self.line(&terminal::stage_line(stage, self.paint));
    }

    /// An entry of a rollout.
    pub(crate) fn rollout(&self, rollout: &RolloutReport, record: &Record) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Terminal => self.rollout_tick(rollout),
            Mode::Actions | Mode::Plain => {
                if !matches!(
                    record.entry,
                    Entry::Looked { .. } | Entry::Baseline { .. } | Entry::WindowBegan { .. }
                ) {
                    let clock = record.at.clock();
                    self.line(&format!(
                        "  {clock} {:>6}  {}",
                        rollout.weight.to_string(),
                        record.in_words()
                    ));
                }
            }
        }
    }

    /// Time goes by in a rollout.
    pub(crate) fn rollout_tick(&self, rollout: &RolloutReport) {
        if self.mode == Mode::Terminal {
            let (line, next) = (
                terminal::rollout_lines(rollout, self.paint),
                terminal::next_line(rollout, now(), self.paint),
            );
            let keys = match self.listens.load(Ordering::Relaxed) {
                true => terminal::keys_line(rollout, self.paint),
                false => String::new(),
            };
            self.set_live(format!("{line}\n{next}{keys}"));
        }
    }

    /// A rollout has ended: its story.
    pub(crate) fn rollout_ended(&self, rollout: &RolloutReport) {
        self.end_live();
        self.line(&terminal::rollout_story(rollout, self.paint));
    }

    /// The run has ended.
    pub(crate) fn ended(&self, report: &Report) {
        self.end_live();
        self.line(&terminal::ending(report, self.paint));
    }
}

/// Whether a runner of GitHub Actions reads what is printed.
pub(crate) fn is_in_actions() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// A text in which a runner finds no command: none at the beginning of a line
/// (`::name::`), none anywhere in it (`##[name]`), and no line ends but `\n`.
/// Source: actions/runner, `src/Runner.Common/ActionCommand.cs`.
pub(crate) fn without_commands(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let lines = plain.split('\n').map(|line| {
        let line = line.replace("##[", "## [");
        match line.trim_start().starts_with("::") {
            true => format!("| {line}"),
            false => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::without_commands;

    #[test]
    fn no_text_is_a_command_for_the_runner() {
        assert_eq!(without_commands("a::b c\n  d"), "a::b c\n  d");
        assert_eq!(without_commands("x\n ::add-mask::y"), "x\n|  ::add-mask::y");
        assert_eq!(without_commands("x\r::error::y"), "x::error::y");
        assert_eq!(without_commands("a ##[add-path]/b"), "a ## [add-path]/b");
        assert_eq!(without_commands("#\u{1b}#[add-path]/b"), "## [add-path]/b");
        assert_eq!(without_commands("\u{7}::warning::"), "| ::warning::");
    }
}
