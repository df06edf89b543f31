//! `baepo demo`: the main job on a real service, from nothing.
//!
//! Three revisions of a small shop are built, tested, released and rolled out
//! one after the other, under load that checks every answer. The third is bad,
//! and its own tests do not see it. Nothing here is a special path: the
//! configuration is one that a user would write, with short windows, and the
//! runs are those of `baepo run`.

mod config;
mod sample;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use baepo_core::report::{Report, RolloutReport};
use baepo_core::rollout::Outcome;
use baepo_runtime::load::{Exchange, Load, LoadOptions, LoadStats};
use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub(crate) use config::StrategyName;
use sample::{REVISIONS, Sample};

use crate::agents::{self, AgentProcess};
use crate::exit::Exit;
use crate::github::event::Trigger;
use crate::output::Output;
use crate::plugins::Plugins;
use crate::render::{grouped, markdown, terminal::Paint};
use crate::run::{Run, RunOptions, Work, cancelled_by_signals};
use crate::show::Show;

/// Requests per second: enough for evidence at one percent within seconds, and
/// little enough to leave two cores for everything else.
const RATE: f64 = 3_000.0;
/// The least that the demonstration promises to have sent.
const LEAST_RATE: f64 = 1_500.0;

/// Watch a service being built, tested, released, rolled out under load, and
/// saved from a bad revision.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Who decides the steps.
    #[arg(long, value_enum, default_value = "canary")]
    strategy: StrategyName,
    /// What to print on standard output at the end.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Where reports and journals are left.
    #[arg(long, default_value = ".baepo/demo")]
    keep: PathBuf,
}

/// What is printed with `--output json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    format: &'static str,
    outcome: &'static str,
    strategy: &'static str,
    requests: u64,
    requests_per_second: u64,
    lost: u64,
    failures_by_revision: BTreeMap<String, u64>,
    rollouts: Vec<RolloutDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RolloutDocument {
    revision: &'static str,
    outcome: String,
    reason: String,
    /// The largest share of any 1,000 consecutive requests that it answered.
    max_share_basis_points: u32,
    /// The largest share that was asked for.
    asked_share_basis_points: u32,
    decisions: u32,
    seconds: f64,
}

/// Run the demonstration.
///
/// # Errors
/// If it cannot be set up: `cargo` is missing, a folder cannot be written.
pub(crate) async fn demo(args: DemoArgs) -> anyhow::Result<Exit> {
    let show = Show::new(args.output.is_json());
    if let Err(error) = Command::new("cargo").arg("--version").output() {
        show.line(&format!(
            "error: the demonstration builds a small service with `cargo`, which could not be started: {error}\n  help: install Rust from https://rustup.rs and try again"
        ));
        return Ok(Exit::Usage);
    }
    let folder = tempfile::tempdir().context("no folder for the demonstration")?;
    std::fs::create_dir_all(&args.keep)
        .with_context(|| format!("cannot make {}", args.keep.display()))?;
    let keep = args.keep.canonicalize()?;
    let mut demo = Demo::prepare(args.strategy, folder.path().to_owned(), keep, &show).await?;
    let result = demo.play().await;
    demo.agent.stop().await;
    let document = result?;
    let paint = show.paint();
    if args.output.is_json() {
        crate::print(&serde_json::to_string(&document)?);
    } else {
        demo.epilogue(&document, paint);
    }
    Ok(if document.outcome == "as-promised" {
        Exit::Success
    } else {
        Exit::Failed
    })
}

struct Demo<'a> {
    strategy: StrategyName,
    folder: PathBuf,
    keep: PathBuf,
    show: &'a Show,
    port: u16,
    agent: AgentProcess,
    plugins: Plugins,
    cancel: CancellationToken,
}

impl<'a> Demo<'a> {
    async fn prepare(
        strategy: StrategyName,
        folder: PathBuf,
        keep: PathBuf,
        show: &'a Show,
    ) -> anyhow::Result<Demo<'a>> {
        let port = free_port()?;
        let file = folder.join("baepo.yml");
        std::fs::write(&file, config::text(strategy, port))?;
        let config = crate::config::load(&folder, Some(&file))?;
        let environment = &config.environments[0];
        let state =
            agents::Where::Folder(folder.join("agent")).state_dir(&config.app, &environment.name);
        let agent = AgentProcess::start(environment, &state).await?;
        let plugins = Plugins::load(config, &folder).await?;
        Ok(Demo {
            strategy,
            folder,
            keep,
            show,
            port,
            agent,
            plugins,
            cancel: cancelled_by_signals(),
        })
    }

    /// Three runs; the load begins when the first revision serves.
    async fn play(&mut self) -> anyhow::Result<Document> {
        let paint = self.show.paint();
        let mut reports = Vec::new();
        let mut load: Option<Load> = None;
        for sample in &REVISIONS {
            self.show.line("");
            self.show
                .line(&paint.bold(&format!("{} — {}", sample.name, sample.summary)));
            let report = self.roll_out(sample).await?;
            if self.cancel.is_cancelled() {
                bail!("the demonstration was stopped; nothing of it is left running");
            }
            if load.is_none() {
                if report.rollouts.last().and_then(|r| r.outcome) != Some(Outcome::Succeeded) {
                    bail!(
                        "the first revision did not come to serve; its journal is in {}",
                        self.keep.display()
                    );
                }
                load = Some(self.start_load());
                let every = format!(
                    "{} requests/s over 16 connections; every answer is checked",
                    grouped(RATE as u64)
                );
                self.show.line(&paint.dim(&format!("  load: {every}")));
            }
            reports.push(report);
        }
        let Some(load) = load else {
            bail!("no revision was rolled out")
        };
        let stats = load.stop().await;
        Ok(self.judge(&reports, &stats))
    }

    async fn roll_out(&self, sample: &Sample) -> anyhow::Result<Report> {
        sample.check_out(&self.folder)?;
        let options = RunOptions {
            root: self.folder.clone(),
            journal: self.keep.join("journal"),
            run: format!("{}-{}", self.strategy.name(), sample.name),
            revision: sample.revision(),
            trigger: Trigger::command_line(),
            environments: Vec::new(),
            work: Work::REVISION,
            max_wait: None,
            agents: agents::Where::Folder(self.folder.join("agent")),
            cancel: self.cancel.clone(),
            teller: None,
            objection: None,
        };
        let journal = options.journal.join(format!("{}.jsonl", options.run));
        // A journal of an earlier demonstration is not continued.
        if journal.exists() {
            std::fs::remove_file(&journal)?;
        }
        let (report, _) = Run::new(options, &self.plugins, self.show)?.run().await?;
        let path = self.keep.join(format!(
            "report-{}-{}.md",
            self.strategy.name(),
            sample.name
        ));
        std::fs::write(
            &path,
            markdown::summary(&report, &markdown::Links::default()),
        )?;
        Ok(report)
    }

    fn start_load(&self) -> Load {
        let mut options = LoadOptions::new(format!("127.0.0.1:{}", self.port));
        options.rate = Some(RATE);
        options.mix = vec![
            Exchange::get("/"),
            Exchange::get("/"),
            Exchange::get("/"),
            Exchange::echo("/cart", "one rye, two rolls"),
        ];
        Load::start(options)
    }

    fn judge(&self, reports: &[Report], stats: &LoadStats) -> Document {
        let seen = |sample: &Sample| stats.by_revision.get(sample.name);
        let rollouts: Vec<(&Sample, &RolloutReport)> = REVISIONS
            .iter()
            .zip(reports)
            .filter_map(|(sample, report)| Some((sample, report.rollouts.last()?)))
            .collect();
        let failures: BTreeMap<String, u64> = REVISIONS
            .iter()
            .map(|sample| {
                (
                    sample.name.to_owned(),
                    seen(sample).map_or(0, |r| r.failures),
                )
            })
            .collect();
        let documents: Vec<RolloutDocument> = rollouts
            .iter()
            .map(|(sample, rollout)| RolloutDocument {
                revision: sample.name,
                outcome: rollout
                    .outcome
                    .map_or_else(String::new, |outcome| outcome.to_string()),
                reason: rollout.reason.clone(),
                max_share_basis_points: seen(sample).map_or(0, |r| r.max_share.value()),
                asked_share_basis_points: rollout.peak.value(),
                decisions: rollout.decisions,
                seconds: rollout
                    .ended
                    .map_or(0.0, |end| end.since(rollout.began).0 as f64 / 1e3),
            })
            .collect();
        let outcomes: Vec<Option<Outcome>> = rollouts.iter().map(|(_, r)| r.outcome).collect();
        let expected = [
            Some(Outcome::Succeeded),
            Some(Outcome::Succeeded),
            Some(Outcome::RolledBack),
        ];
        let within = documents
            .iter()
            .all(|r| r.max_share_basis_points <= (r.asked_share_basis_points + 100).min(10_000));
        let good_failures = failures["v1"] + failures["v2"];
        let promised = outcomes == expected
            && stats.lost.total() == 0
            && good_failures == 0
            && within
            && stats.rate() >= LEAST_RATE;
        Document {
            format: "baepo-demo-1",
            outcome: if promised {
                "as-promised"
            } else {
                "not-as-promised"
            },
            strategy: self.strategy.name(),
            requests: stats.requests,
            requests_per_second: stats.rate() as u64,
            lost: stats.lost.total(),
            failures_by_revision: failures,
            rollouts: documents,
        }
    }

    fn epilogue(&self, document: &Document, paint: Paint) {
        let mut lines = vec![String::new(), paint.bold("What the load saw, all the time")];
        let lost = match document.lost {
            0 => paint.good("0 lost"),
            lost => paint.bad(&format!("{lost} lost")),
        };
        lines.push(format!(
            "  {} requests ({}/s), {lost}",
            grouped(document.requests),
            grouped(document.requests_per_second)
        ));
        for rollout in &document.rollouts {
            let failures = document
                .failures_by_revision
                .get(rollout.revision)
                .copied()
                .unwrap_or(0);
            let share = match rollout.max_share_basis_points.div_ceil(10) {
                1_000 => "all".into(),
                share => format!("at most {share} of any 1,000"),
            };
            lines.push(format!(
                "  {}  {:<12} {:>7} failed · {share} requests · {} decisions · {:.0} s",
                rollout.revision,
                rollout.outcome,
                grouped(failures),
                rollout.decisions,
                rollout.seconds
            ));
        }
        lines.push(String::new());
        let keep = display(&self.keep);
        lines.push(format!(
            "  report  {keep}/report-{}-v3.md   as a pull request would show it",
            document.strategy
        ));
        lines.push(format!(
            "  journal {keep}/journal/{}-v3.jsonl   every decision and its evidence",
            document.strategy
        ));
        lines.push(String::new());
        lines.push(if document.outcome == "as-promised" {
            paint.good("✓ no request was lost, and the bad revision was sent back by the evidence")
        } else {
            paint.bad("✗ this did not go as promised; the journal says where")
        });
        for line in lines {
            self.show.line(&line);
        }
    }
}

/// Relative to here where that is shorter.
fn display(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}
