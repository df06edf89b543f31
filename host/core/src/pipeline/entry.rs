//! The journal of a run: what happened, one entry after the other.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hook::{Annotation, Section, TestCounts};
use crate::release::{Release, Revision};
use crate::rollout::{Begin, Cause, Kind, Outcome, Record};
use crate::time::{Millis, Time};
use crate::verdict::Level;
use crate::weight::BasisPoints;

/// One line of a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// When.
    pub at: Time,
    /// What.
    pub entry: RunEntry,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "event"
)]
pub enum RunEntry {
    /// The run began.
    Began {
        /// Names the run, for example `812`.
        run: String,
        /// The application.
        app: String,
        /// What is to be deployed.
        revision: Revision,
        /// What caused it, for example `push`, or `command line`.
        trigger: String,
        /// The pull request that is told, where there is one.
        pull_request: Option<u64>,
    },
    /// A stage began.
    StageBegan {
        /// Which.
        stage: Stage,
    },
    /// A stage ended.
    StageEnded {
        /// Which.
        stage: Stage,
        /// How.
        result: StageResult,
        /// What came out.
        output: StageOutput,
        /// Remarks on the code.
        annotations: Vec<Annotation>,
    },
    /// What a rollout would do, where this run does none.
    Planned {
        /// It.
        plan: Box<RolloutPlan>,
    },
    /// A rollout that an earlier run began: this one goes on with it, or is the
    /// first to tell how it ended.
    TakenUp {
        /// The environment.
        environment: String,
        /// What is wanted, as it was when it began.
        begin: Box<Begin>,
        /// Who decides.
        program: Kind,
        /// What served when it began.
        stable: Option<Release>,
        /// When it began.
        began: Time,
        /// The candidate's share when it was last told of.
        weight: BasisPoints,
        /// Since when it had that share; absent where it is the share now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Time>,
        /// Its largest share so far.
        peak: BasisPoints,
        /// Whether it is told of beside the run, which is about something else.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        beside: bool,
    },
    /// An entry of a rollout.
    Rollout {
        /// The environment.
        environment: String,
        /// The entry.
        record: Box<Record>,
    },
    /// How many requests each release answered while the rollout went on.
    Served {
        /// The environment.
        environment: String,
        /// By what served before.
        stable: Served,
        /// By the candidate.
        candidate: Served,
    },
    /// A plugin made use of what it was granted, for the first time in the run.
    Used {
        /// The plugin, by its name in the configuration.
        plugin: String,
        /// The key under `allow:`.
        capability: String,
        /// What of it: a program, an address, a variable, a secret, or the
        /// entry that covers a file.
        target: String,
    },
    /// A plugin wants something else than at the base of the change.
    Wishes {
        /// Its source as the lockfile has it.
        plugin: String,
        /// What is new (`+`), gone (`-`) or to be known (`!`), one line each.
        lines: Vec<String>,
    },
    /// What a feedback plugin adds to the report of a rollout.
    Feedback {
        /// The environment.
        environment: String,
        /// The plugin, by its name in the configuration.
        plugin: String,
        /// Most important first.
        sections: Vec<Section>,
    },
    /// Something that people should know and that changes nothing.
    Note {
        /// How much it matters.
        level: Level,
        /// One sentence.
        text: String,
    },
    /// The run ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// Which kind of reason.
        cause: RunCause,
        /// One sentence.
        reason: String,
        /// When a later run has something to do, where this one waits.
        resume_at: Option<Time>,
    },
}

/// What a rollout would do if everything were fine, and how far it could go
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RolloutPlan {
    /// The environment.
    pub environment: String,
    /// The strategy's name.
    pub strategy: String,
    /// n.
    pub instances: u32,
    /// What would be rolled out.
    pub candidate: Revision,
    /// What serves now, where its target says so.
    pub stable: Option<Revision>,
    /// In the order of time.
    pub steps: Vec<PlannedStep>,
    /// At the largest share below everything: how long everyone would take to
    /// be back on stable after a verdict.
    pub way_back: Option<(BasisPoints, Millis)>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedStep {
    /// Since the beginning.
    pub at: Millis,
    /// The candidate's share then.
    pub weight: BasisPoints,
    /// What it waits for, in a few words.
    pub waits_for: String,
}

/// Requests and failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Served {
    /// Requests that ended.
    pub requests: u64,
    /// Of them, failed.
    pub failures: u64,
    /// Beside them: cut at the drain deadline of their instance.
    #[serde(default)]
    pub cut: u64,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "stage", content = "name")]
pub enum Stage {
    /// A build plugin, by its name in the user's file.
    Build(String),
    /// A test plugin, by its name in the user's file.
    Test(String),
    /// The release builder.
    Release,
    /// The rollout to an environment.
    Rollout(String),
}

impl Stage {
    /// `build`, `test`, `release` or the environment's name.
    pub fn title(&self) -> &str {
        match self {
            Stage::Build(_) => "build",
            Stage::Test(_) => "test",
            Stage::Release => "release",
            Stage::Rollout(environment) => environment,
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageResult {
    /// As it should.
    Passed,
    /// It did not.
    Failed,
    /// A later run goes on with it.
    Waiting,
    /// It was not begun, because something it needs has not passed.
    Skipped,
}

/// What came out of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "output"
)]
pub enum StageOutput {
    /// Files.
    Files {
        /// Names and sizes in bytes.
        files: Vec<(String, u64)>,
    },
    /// Test results.
    Tests {
        /// How many.
        counts: TestCounts,
        /// Names and messages of those that failed, at most 20.
        failures: Vec<(String, String)>,
    },
    /// A release.
    Release {
        /// It.
        release: Release,
    },
    /// A rollout.
    Rollout {
        /// How it ended.
        outcome: Outcome,
        /// Which kind of reason.
        cause: Cause,
        /// One sentence.
        reason: String,
        /// When there is something to do again, where it waits.
        resume_at: Option<Time>,
    },
    /// Nothing, and why, in one sentence.
    Nothing {
        /// Why.
        reason: String,
    },
}

/// Why a run ended as it did: a rollout's reason, or one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum RunCause {
    /// As the decisive rollout.
    Rollout(Cause),
    /// Before any rollout.
    Stage(StageCause),
}

/// Why a run ended before any rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageCause {
    /// A build failed.
    BuildFailed,
    /// Tests failed.
    TestsFailed,
    /// The release could not be made.
    ReleaseFailed,
    /// Everything that was asked for is done.
    Done,
}
