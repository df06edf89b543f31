//! `baepo tell`: what the job of a fork says of itself, passed on by a job that
//! may write at the pull request.
//!
//! The journal is data of a stranger, whose code ran in the job that wrote it.
//! It becomes one comment, which says so: no check, no status, no deployment,
//! and nothing that anything else could rely on. Which pull request it is for is
//! asked of GitHub, never of the journal.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use baepo_core::report::Report;
use baepo_runtime::journal;
use clap::Args;
use serde_json::Value;

use crate::exit::Exit;
use crate::github::api::ApiError;
use crate::github::comment::{MOST_CHARACTERS, Sticky, Written};
use crate::github::output;
use crate::github::place::{Place, Turn};
use crate::github::pull_request;
use crate::render::markdown::{self, Links};
use crate::run::{self, payload, variable};
use crate::show::Show;

/// The largest journal that is read, in bytes. That of a long canary has less
/// than one million.
const LARGEST_JOURNAL: u64 = 16 * 1024 * 1024;
/// Room that is left for the marker of the comment.
const MARKER: usize = 512;

/// Pass on what the job of a fork says of itself.
///
/// For a workflow of `workflow_run`: the job of a pull request from a fork may
/// not write, so it uploads its journal, and this makes one comment of it.
#[derive(Debug, Args)]
pub(crate) struct TellArgs {
    /// The journal, or the folder that it alone was unpacked into.
    journal: PathBuf,
    /// The configuration of the trusted branch (.github/baepo.yml, else baepo.yml).
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Tell.
///
/// # Errors
/// If this is no job of `workflow_run`, or the journal is none.
pub(crate) async fn tell(args: TellArgs) -> anyhow::Result<Exit> {
    let show = Show::new(false);
    let root = crate::root()?;
    if let Some(exit) = crate::refuse_untrusted(&root) {
        return Ok(exit);
    }
    let payload = payload();
    let (Some("workflow_run"), Some(mut place)) = (
        variable("GITHUB_EVENT_NAME").as_deref(),
        Place::of(&variable, &payload),
    ) else {
        bail!("this is no job of `workflow_run`: nobody else has something to pass on");
    };
    let origin = match Origin::of(&payload) {
        Ok(origin) => origin,
        Err(why) => {
            show.line(&format!("nothing is passed on: {why}"));
            return Ok(Exit::Success);
        }
    };
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    if !config.github.comment {
        show.line("nothing is passed on: comments are configured to be off");
        return Ok(Exit::Success);
    }
    let report = read(&args.journal)?;
    // So that a later run of theirs has the last word, and an older one has not.
    place.turn = origin.turn;
    place.head.clone_from(&origin.head);
    let Some(api) = run::github::client(&config, &show) else {
        bail!(
            "what a fork says is passed on with the token of the job: give the step GITHUB_TOKEN"
        );
    };
    let found = pull_request::of_branch(
        &api,
        &place,
        &origin.owner,
        &origin.branch,
        report.pull_request,
    );
    let Some(number) = found.await.context("the pull request cannot be found")? else {
        show.line(
            "nothing is passed on: no open pull request has this commit as its head any more",
        );
        return Ok(Exit::Success);
    };
    let links = Links {
        run: Some(place.run_url()),
        commit: Some(place.commit_url(&origin.head)),
        ..Links::default()
    };
    let redactor = crate::outside::outside().secrets.redactor();
    let text = markdown::hearsay(report, &origin.head, &links, MOST_CHARACTERS - MARKER);
    let text = redactor.text(text);
    let name = format!("{}/fork", config.app);
    let mut comment = Sticky::new(&api, &place, number, &name);
    let written = comment.write(&text).await;
    hand_out(written.as_ref().ok().copied(), &text, &show);
    Ok(said(number, written, &show))
}

fn said(number: u64, written: Result<Written, ApiError>, show: &Show) -> Exit {
    match written {
        Ok(Written::Newer(_)) => {
            show.line(&format!("a newer run was told at pull request {number}"));
            Exit::Success
        }
        Ok(_) => {
            show.line(&format!("told at pull request {number}"));
            Exit::Success
        }
        Err(error) => {
            crate::complain(&format!(
                "error: pull request {number} is not told: {error}"
            ));
            Exit::Failed
        }
    }
}

/// Where the journal comes from, in GitHub's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    turn: Turn,
    /// The commit at the end of the branch when the run began.
    head: String,
    /// Who has the branch.
    owner: String,
    branch: String,
}

impl Origin {
    /// From the event of a job.
    ///
    /// # Errors
    /// Why there is nothing to pass on.
    fn of(payload: &Value) -> Result<Origin, &'static str> {
        let run = &payload["workflow_run"];
        let text = |path: &str| run.pointer(path).and_then(Value::as_str);
        if text("/event") != Some("pull_request") {
            return Err("the run before was not caused by a pull request");
        }
        let own = payload.pointer("/repository/full_name");
        let theirs = run.pointer("/head_repository/full_name");
        let is_dependabot = text("/actor/login") == Some("dependabot[bot]");
        // Dependabot's token may only read, like that of a fork.
        if own.is_some() && own == theirs && !is_dependabot {
            return Err("the pull request comes from no fork, so its own job could tell");
        }
        let origin = || {
            Some(Origin {
                turn: Turn {
                    run: run["id"].as_u64()?,
                    attempt: run["run_attempt"].as_u64()?.try_into().ok()?,
                },
                head: text("/head_sha")
                    .filter(|sha| sha.bytes().all(|byte| byte.is_ascii_hexdigit()))?
                    .to_owned(),
                owner: text("/head_repository/owner/login")?.to_owned(),
                branch: text("/head_branch")?.to_owned(),
            })
        };
        origin().ok_or("the fork is not there any more")
    }
}

/// The report of a journal, or of the only one in a folder.
fn read(path: &Path) -> anyhow::Result<Report> {
    let path = match path.is_dir() {
        false => path.to_owned(),
        true => match journal::list(path)?.as_slice() {
            [only] => only.clone(),
            found => bail!(
                "{} holds {} journals (*.jsonl), and is to hold one",
                path.display(),
                found.len()
            ),
        },
    };
    let cannot = || format!("cannot read {}", path.display());
    // What was unpacked may be a link to anything.
    let is_file = path.symlink_metadata().with_context(cannot)?.is_file();
    ensure!(is_file, "{} is no file", path.display());
    let mut text = String::new();
    let file = File::open(&path).with_context(cannot)?;
    let mut most = file.take(LARGEST_JOURNAL + 1);
    most.read_to_string(&mut text).with_context(cannot)?;
    ensure!(
        text.len() as u64 <= LARGEST_JOURNAL,
        "{} is larger than {} MiB",
        path.display(),
        LARGEST_JOURNAL / 1024 / 1024
    );
    let records = journal::parse(&path, &text)?;
    Report::of(&records).with_context(|| format!("{} has no beginning", path.display()))
}

fn hand_out(written: Option<Written>, text: &str, show: &Show) {
    let file = |name| std::env::var_os(name).map(PathBuf::from);
    let mut troubles = Vec::new();
    if let (Some(handed), Some(written)) = (file("GITHUB_OUTPUT"), written) {
        troubles.extend(output::set(&handed, "comment-id", &written.id().to_string()).err());
    }
    if let Some(summary) = file("GITHUB_STEP_SUMMARY") {
        troubles.extend(output::append(&summary, text).err());
    }
    if let Some(error) = troubles.first() {
        show.line(&format!(
            "warning: the job's outputs could not be written: {error}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(full_name: &str, actor: &str) -> Value {
        json!({
            "repository": { "full_name": "acme/shop" },
            "workflow_run": {
                "event": "pull_request",
                "id": 7,
                "run_attempt": 2,
                "head_sha": "ab",
                "head_branch": "better-bread",
                "head_repository": { "full_name": full_name, "owner": { "login": "somebody" } },
                "actor": { "login": actor },
            },
        })
    }

    #[test]
    fn only_who_could_not_tell_is_passed_on() {
        let origin = Origin::of(&payload("somebody/shop", "somebody")).unwrap();
        assert_eq!(
            (origin.turn.run, origin.turn.attempt, origin.head.as_str()),
            (7, 2, "ab")
        );
        assert!(Origin::of(&payload("acme/shop", "baker")).is_err());
        assert!(Origin::of(&payload("acme/shop", "dependabot[bot]")).is_ok());
        for (path, value) in [
            ("/workflow_run/event", json!("push")),
            ("/workflow_run/head_repository", json!(null)),
            ("/workflow_run/head_sha", json!("main?x=1")),
        ] {
            let mut other = payload("somebody/shop", "somebody");
            *other.pointer_mut(path).unwrap() = value;
            assert!(Origin::of(&other).is_err(), "{path}");
        }
    }

    #[test]
    fn a_journal_is_a_file_of_some_size_with_a_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = |path: &Path| format!("{:#}", read(path).unwrap_err());
        let file = folder.path().join("1.jsonl");
        assert!(wrong(&file).contains("cannot read"));
        assert!(wrong(folder.path()).contains("holds 0 journals"));
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(wrong(&file).contains("is no file"));
        assert!(wrong(folder.path()).contains("is no file"));
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "").unwrap();
        assert!(wrong(&file).contains("has no beginning"));
        std::fs::write(&file, "{}\n{}\n").unwrap();
        assert!(wrong(&file).contains("line 1"), "{}", wrong(&file));
        let most = usize::try_from(LARGEST_JOURNAL).unwrap();
        std::fs::write(&file, vec![b'\n'; most + 1]).unwrap();
        assert!(wrong(&file).contains("is larger than 16 MiB"));
        std::fs::write(folder.path().join("2.jsonl"), "").unwrap();
        assert!(wrong(folder.path()).contains("holds 2 journals"));
    }
}
