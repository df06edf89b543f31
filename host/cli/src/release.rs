//! `baepo release list|show|diff`: the releases that are kept on this machine.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use baepo_runtime::release::{Change, How, Origin, Record, ReleaseError, ReleaseStore, diff};
use clap::Subcommand;
use serde_json::json;

use crate::output::Output;

/// Where releases are kept, relative to the checkout.
pub const FOLDER: &str = ".baepo/releases";

/// Arguments of `baepo release`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// What to print.
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All releases that are kept, newest first
    List,
    /// What a release is made of
    Show {
        /// A digest or the begin of one
        release: String,
    },
    /// What changed from one release to another
    Diff {
        /// A digest or the begin of one
        before: String,
        /// A digest or the begin of one
        after: String,
    },
}

/// Print what was asked for; exit code 0, or 2 where there is no such release.
///
/// # Errors
/// The store cannot be read, or `out` cannot be written.
pub fn run(args: &Args, root: &Path, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let store = ReleaseStore::new(root.join(FOLDER));
    let result = match args.output {
        Output::Text => show(&args.action, &store, out),
        Output::Json => show_json(&args.action, &store, out),
    };
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<ReleaseError>() {
            Some(wrong @ (ReleaseError::Unknown { .. } | ReleaseError::Ambiguous { .. })) => {
                writeln!(
                    out,
                    "error: {wrong}\n  help: `baepo release list` shows all of them"
                )?;
                Ok(ExitCode::from(2))
            }
            _ => Err(error),
        },
    }
}

fn show(action: &Action, store: &ReleaseStore, out: &mut dyn Write) -> anyhow::Result<()> {
    match action {
        Action::List => {
            let records = store.list()?;
            if records.is_empty() {
                writeln!(out, "no release is kept here; `baepo run` makes one")?;
            }
            for record in &records {
                writeln!(out, "{}", list_line(record))?;
            }
        }
        Action::Show { release } => {
            let record = store.find(release)?;
            // Reading it again checks it: what is shown is what would be rolled out.
            let record = store.open(record.digest)?.record;
            write!(out, "{}", show_text(&record))?;
        }
        Action::Diff { before, after } => {
            let (before, after) = (store.find(before)?, store.find(after)?);
            let changes = diff(&before.manifest, &after.manifest);
            if changes.is_empty() {
                writeln!(out, "nothing changed: they are one release")?;
            }
            for change in &changes {
                write!(out, "{}", change_text(change))?;
            }
        }
    }
    Ok(())
}

/// One document a line.
fn show_json(action: &Action, store: &ReleaseStore, out: &mut dyn Write) -> anyhow::Result<()> {
    const FORMAT: &str = "baepo-release-1";
    match action {
        Action::List => {
            for record in store.list()? {
                writeln!(out, "{}", json!({ "format": FORMAT, "release": record }))?;
            }
        }
        Action::Show { release } => {
            let record = store.open(store.find(release)?.digest)?.record;
            writeln!(out, "{}", json!({ "format": FORMAT, "release": record }))?;
        }
        Action::Diff { before, after } => {
            let (before, after) = (store.find(before)?, store.find(after)?);
            let changes = diff(&before.manifest, &after.manifest);
            let changes: Vec<serde_json::Value> = changes
                .iter()
                .map(|change| {
                    json!({
                        "kind": change.kind.to_string(),
                        "name": change.name,
                        "before": change.before,
                        "after": change.after,
                    })
                })
                .collect();
            let document = json!({
                "format": FORMAT,
                "before": before.digest,
                "after": after.digest,
                "changes": changes,
            });
            writeln!(out, "{document}")?;
        }
    }
    Ok(())
}

fn list_line(record: &Record) -> String {
    let manifest = &record.manifest;
    let revision = &record.revision;
    format!(
        "{}  {:<12} {}  {}  {}",
        record.digest.short(),
        manifest.environment,
        record.recorded_at.rfc3339(),
        revision.short(),
        revision.summary
    )
}

fn show_text(record: &Record) -> String {
    let manifest = &record.manifest;
    let mut text = format!(
        "{}\n  app          {}\n  environment  {}\n  revision     {} {}\n  made         {}\n",
        record.digest,
        manifest.app,
        manifest.environment,
        record.revision.short(),
        record.revision.summary,
        record.recorded_at.rfc3339(),
    );
    text.push_str(&match &manifest.how {
        How::Run(run) => format!("  command      {}\n", shell_words::join(&run.command)),
        How::Target(with) => format!("  target       {with}\n"),
    });
    for file in &manifest.files {
        let origin = match file.origin {
            Origin::Built => "built",
            Origin::Rendered => "rendered",
        };
        let (name, size, digest) = (&file.name, file.size_bytes, file.sha256.short());
        text.push_str(&format!(
            "  file         {name}  {size} bytes  sha256:{digest}  {origin}\n"
        ));
    }
    for (name, value) in &manifest.env {
        text.push_str(&format!("  variable     {name}={value}\n"));
    }
    for (variable, secret) in &manifest.secrets {
        text.push_str(&format!("  secret       {variable} from {}\n", secret.name));
    }
    text
}

fn change_text(change: &Change) -> String {
    let (kind, name) = (change.kind, &change.name);
    let side = |mark: char, side: &Option<String>| match side {
        Some(value) => format!("  {mark} {value}\n"),
        None => String::new(),
    };
    format!(
        "{kind} {name}\n{}{}",
        side('-', &change.before),
        side('+', &change.after)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use baepo_core::hook::BuiltFile;
    use baepo_core::release::Revision;
    use baepo_core::time::{Millis, Time};
    use baepo_runtime::release::{Recipe, RunEntry, Secret, SecretKey, prepare};
    use expect_test::expect;

    fn keep(root: &Path, content: &str, mode: &str) -> String {
        std::fs::write(root.join("shop"), content).unwrap();
        let second = Millis(1_000);
        let recipe = Recipe {
            app: "shop",
            environment: "production",
            revision: &Revision {
                commit: "9f31c2e0".to_owned(),
                ref_name: String::new(),
                summary: "Sell more".to_owned(),
                committed_at: Time(0),
            },
            checkout: root,
            artifacts: &[BuiltFile {
                name: "shop".to_owned(),
                path: "shop".to_owned(),
                media_type: String::new(),
            }],
            templates: &[],
            env: &BTreeMap::from([("MODE".to_owned(), mode.to_owned())]),
            secrets: &BTreeMap::from([("URL".to_owned(), Secret::new("DB_URL", "hidden"))]),
            key: &SecretKey::from_bytes([1; 32]),
            how: How::Run(RunEntry {
                command: vec!["shop".to_owned(), "a b".to_owned()],
                health_path: "/".to_owned(),
                health_interval_ms: second,
                health_timeout_ms: second,
                drain_deadline_ms: second,
                stop_deadline_ms: second,
            }),
        };
        let store = ReleaseStore::new(root.join(FOLDER));
        prepare(&recipe, &store, Time(0))
            .unwrap()
            .record
            .digest
            .short()
    }

    fn ask(root: &Path, action: Action) -> String {
        let mut out = Vec::new();
        run(
            &Args {
                action,
                output: Output::Text,
            },
            root,
            &mut out,
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_release_for_programs_is_one_document_without_a_secret() {
        let root = tempfile::tempdir().unwrap();
        let release = keep(root.path(), "code", "fast");
        let mut out = Vec::new();
        let args = Args {
            action: Action::Show { release },
            output: Output::Json,
        };
        run(&args, root.path(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["format"], "baepo-release-1");
        assert_eq!(document["release"]["manifest"]["env"]["MODE"], "fast");
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn a_release_is_shown_with_all_that_it_is_made_of_and_no_secret() {
        let root = tempfile::tempdir().unwrap();
        let release = keep(root.path(), "code", "fast");
        expect![[r#"
            sha256:84f9c64c98229e6ff47cc08106603d0fdfd51db31b86b66d62ce1f0fdfe61cb7
              app          shop
              environment  production
              revision     9f31c2e Sell more
              made         1970-01-01T00:00:00Z
              command      shop 'a b'
              file         shop  4 bytes  sha256:5694d08a2e53  built
              variable     MODE=fast
              secret       URL from DB_URL
        "#]]
        .assert_eq(&ask(root.path(), Action::Show { release }));
        expect![[r#"
            84f9c64c9822  production   1970-01-01T00:00:00Z  9f31c2e  Sell more
        "#]]
        .assert_eq(&ask(root.path(), Action::List));
    }

    #[test]
    fn a_difference_is_shown_line_by_line() {
        let root = tempfile::tempdir().unwrap();
        let before = keep(root.path(), "code", "fast");
        let after = keep(root.path(), "more code", "fast");
        expect![[r#"
            file shop
              - sha256:5694d08a2e53, 4 bytes, application/octet-stream, executable
              + sha256:d3dd5135b384, 9 bytes, application/octet-stream, executable
        "#]]
        .assert_eq(&ask(root.path(), Action::Diff { before, after }));
    }

    #[test]
    fn a_release_that_is_not_there_is_said_to_be_so() {
        let root = tempfile::tempdir().unwrap();
        let release = "abc".to_owned();
        expect![[r#"
            error: there is no release `abc` here
              help: `baepo release list` shows all of them
        "#]]
        .assert_eq(&ask(root.path(), Action::Show { release }));
        assert!(ask(root.path(), Action::List).starts_with("no release is kept here"));
    }
}
