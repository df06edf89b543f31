//! The stages before a rollout: build, test, release.

use std::sync::Arc;

use baepo_core::hook::{Annotation, ConfigProblem, HookError, TestReport};
use baepo_core::pipeline::{RunEntry, Stage, StageOutput, StageResult};
use baepo_core::verdict::Level;
use baepo_runtime::capability::log::LogSink;
use baepo_runtime::plugin::{CallContext, CallError, CallOutcome};
use baepo_runtime::release::Bundle;

use super::releases::missing_secret;
use super::{Built, Run};
use crate::config::{self, Environment};
use crate::error::one_line;
use crate::github::event::Reach;
use crate::plugins::Loaded;
use crate::show::PluginFailure;

/// How a stage ended.
pub(super) type Ended = (StageResult, StageOutput, Vec<Annotation>);

/// How many failed tests a report names.
const NAMED_FAILURES: usize = 20;

pub(super) fn failed(reason: String) -> Ended {
    (
        StageResult::Failed,
        StageOutput::Nothing { reason },
        Vec::new(),
    )
}

impl Run<'_> {
    pub(super) fn context(&self, stage: &Stage) -> CallContext {
        CallContext {
            checkout: Some(self.options.root.as_path().into()),
            log: self.plugin_log(stage),
            cancel: self.options.cancel.clone(),
            outside: crate::outside::outside(),
            uses: self.uses.clone(),
            store: None,
            output: None,
        }
    }

    pub(super) fn plugin_log(&self, stage: &Stage) -> LogSink {
        let (show, stage) = (self.show.clone(), stage.title().to_owned());
        Arc::new(move |line| show.log(&line.plugin, &stage, &line.message))
    }

    /// The answer of a call; what was denied on the way is told with the line
    /// that would allow it.
    fn answer<T>(&mut self, loaded: &Loaded, outcome: CallOutcome<T>) -> Result<T, String> {
        let mut permit = loaded.plugin.permit().clone();
        for denial in &outcome.denials {
            let name = &loaded.used.name;
            let advice = denial.advice(&permit);
            let place = self.plugins.config.place_of(&loaded.used);
            let text = format!("plugin `{name}` ({place}) was denied: {denial}{advice}");
            permit = permit.with(denial);
            self.record.record(RunEntry::Note {
                level: Level::Warning,
                text,
            });
        }
        outcome.result.map_err(|error| {
            // Its place in the file is what somebody looks for.
            if let CallError::Plugin(HookError::InvalidConfig(problems)) = &error {
                let config = &self.plugins.config;
                let find =
                    |p: &ConfigProblem| config.locate_problem(&loaded.used, &p.path, &p.message);
                let findings = config.findings(problems.iter().map(find).collect());
                let text = findings.render(config::is_stderr_coloured());
                self.show.line(text.trim_end());
            }
            let failure = PluginFailure::of_call(&loaded.used.name, &error);
            self.show.plugin_failed(&failure);
            one_line(&error)
        })
    }

    pub(super) async fn build(&mut self, stage: &Stage, name: &str) -> Ended {
        let plugins = self.plugins;
        let Some(loaded) = plugins.build.iter().find(|loaded| loaded.used.name == name) else {
            return failed(format!("the build plugin `{name}` is not loaded"));
        };
        self.show.stage_began(stage, name);
        let revision = &self.options.revision;
        let outcome = loaded
            .plugin
            .build(&self.context(stage), &loaded.config(), revision)
            .await;
        let output = match self.answer(loaded, outcome) {
            Ok(output) => output,
            Err(why) => return failed(why),
        };
        let mut files = Vec::new();
        for file in &output.files {
            match std::fs::metadata(self.options.root.join(&file.path)) {
                Ok(meta) if meta.is_file() => files.push((file.name.clone(), meta.len())),
                Ok(_) => return failed(format!("{} was built, and is no file", file.path)),
                Err(error) => return failed(format!("{} was not built: {error}", file.path)),
            }
        }
        self.built.extend(output.files);
        (
            StageResult::Passed,
            StageOutput::Files { files },
            output.annotations,
        )
    }

    pub(super) async fn test(&mut self, stage: &Stage, name: &str) -> Ended {
        let plugins = self.plugins;
        let Some(loaded) = plugins.test.iter().find(|loaded| loaded.used.name == name) else {
            return failed(format!("the test plugin `{name}` is not loaded"));
        };
        self.show.stage_began(stage, name);
        let revision = &self.options.revision;
        let outcome = loaded
            .plugin
            .test(&self.context(stage), &loaded.config(), revision, &[])
            .await;
        match self.answer(loaded, outcome) {
            Ok(report) => judge_tests(report),
            Err(why) => failed(why),
        }
    }

    /// What was built goes into a bundle, or comes from one.
    fn carry(&mut self) -> Result<Option<Ended>, String> {
        let (pack, folder) = match self.built() {
            Some(Built::Packed(folder)) => (None, folder.clone()),
            Some(Built::Before(folder, digest)) => (Some(*digest), folder.clone()),
            Some(Built::Here) | None => return Ok(None),
        };
        let bundle = Bundle {
            folder: &folder,
            app: &self.plugins.config.app,
            commit: &self.options.revision.commit,
            checkout: &self.options.root,
        };
        if let Some(digest) = pack {
            self.built = bundle.unpack(digest).map_err(|error| one_line(&error))?;
            return Ok(None);
        }
        let digest = bundle.pack(&self.built).map_err(|error| one_line(&error))?;
        super::github::hand_out_bundle(digest, self.show);
        let reason = format!("packed for other jobs as {digest}");
        let output = StageOutput::Nothing { reason };
        Ok(Some((StageResult::Passed, output, Vec::new())))
    }

    pub(super) async fn release(&mut self, stage: &Stage) -> Ended {
        self.show.stage_began(stage, "");
        match self.carry() {
            Ok(None) => {}
            Ok(Some(packed)) => return packed,
            Err(why) => return failed(why),
        }
        let plugins = self.plugins;
        let is_preview = self.options.trigger.reach == Reach::Preview;
        let environments = plugins.config.environments.iter();
        let wanted: Vec<&Environment> = environments.filter(|e| self.is_released(e)).collect();
        let mut first = None;
        for environment in wanted {
            // A pull request of a fork has no secrets, and needs no release.
            let absent = missing_secret(environment).filter(|_| is_preview);
            if let Some(secret) = absent {
                let text = format!(
                    "no release was made for `{}`: its secret `{secret}` is not there in this event",
                    environment.name
                );
                let level = Level::Notice;
                self.record.record(RunEntry::Note { level, text });
                continue;
            }
            match self.prepare(stage, environment).await {
                Ok(release) => first = first.or(Some(release)),
                Err(why) => return failed(why),
            }
        }
        let output = match first {
            Some(release) => StageOutput::Release { release },
            None if is_preview => StageOutput::Nothing {
                reason: "no release can be made without secrets".into(),
            },
            None => return failed("no environment to release for".into()),
        };
        (StageResult::Passed, output, Vec::new())
    }
}

/// A report fails its stage if a case failed, or if there was none.
fn judge_tests(report: TestReport) -> Ended {
    let counts = report.counts();
    let failures = report.failures(NAMED_FAILURES);
    let result = match counts.has_passed() {
        true => StageResult::Passed,
        false => StageResult::Failed,
    };
    (
        result,
        StageOutput::Tests { counts, failures },
        report.annotations,
    )
}
