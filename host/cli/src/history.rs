//! `baepo history`: what happened in earlier runs, from their journals.

mod dora;

use std::path::PathBuf;

use anyhow::Context;
use baepo_core::report::Report;
use baepo_runtime::journal;
use clap::Args;

use crate::exit::Exit;
use crate::output::Output;
use crate::render::{headline, json, terminal};
use crate::show::Show;

/// List the runs of this checkout, or tell one of them.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The run to tell; all are listed where absent.
    run: Option<String>,
    /// The measures of delivery instead: deployment frequency, lead time, change
    /// failure rate and time to restore, of each environment.
    #[arg(long, conflicts_with = "run")]
    dora: bool,
    /// How many days the measures are of.
    #[arg(long, value_name = "DAYS", default_value_t = 90, requires = "dora",
          value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// The folder of journals.
    #[arg(long, default_value = ".baepo/journal")]
    journal: PathBuf,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Show history.
///
/// # Errors
/// If a journal cannot be read.
pub(crate) async fn history(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let paint = Show::new(false).paint();
    if let Some(run) = &args.run {
        let path = args.journal.join(format!("{run}.jsonl"));
        let records = journal::read(&path)?;
        let report =
            Report::of(&records).with_context(|| format!("{} has no beginning", path.display()))?;
        if args.output.is_json() {
            crate::print(&json::line(&report)?);
            return Ok(Exit::Success);
        }
        for stage in &report.stages {
            crate::print(&terminal::stage_line(stage, paint));
        }
        for rollout in report.beside.iter().chain(&report.rollouts) {
            crate::print("");
            for record in &rollout.story {
                crate::print(&format!("  {}  {}", record.at.clock(), record.in_words()));
            }
            crate::print(&terminal::rollout_story(rollout, paint));
        }
        return Ok(Exit::Success);
    }
    let journals = journal::list(&args.journal)?;
    if args.dora {
        return dora::dora(&journals, args.days, args.output).await;
    }
    if journals.is_empty() {
        crate::print(&format!(
            "no run has left a journal in {}",
            args.journal.display()
        ));
    }
    for path in journals {
        let report = match journal::read(&path).map(|records| Report::of(&records)) {
            Ok(Some(report)) => report,
            Ok(None) => continue,
            Err(error) => {
                crate::print(&format!(
                    "{}: {}",
                    path.display(),
                    crate::error::one_line(&error)
                ));
                continue;
            }
        };
        if args.output.is_json() {
            crate::print(&json::line(&report)?);
        } else {
            crate::print(&format!(
                "{}  {:<24} {}  {}",
                report.started.rfc3339(),
                report.run,
                report.revision.short(),
                headline(&report)
            ));
        }
    }
    Ok(Exit::Success)
}
