//! A target: programs of yours put instances in their place.
//!
//! ```yaml
//! environments:
//!   production:
//!     target:
//!       plugin:
//!         plugin: ./my-target/plugin.wasm
//!         with:
//!           observe: [./deploy, observe]     # these five are the defaults
//!           stage: [./deploy, stage]
//!           scale: [./deploy, scale]
//!           route: [./deploy, route]
//!           discard: [./deploy, discard]
//!           upload: [./deploy, upload]       # and so on, where you have them
//!           env: { CLOUD_TOKEN: { secret: CLOUD_TOKEN } }
//!           timeout: 8s
//!           describe: { name: our cloud, weight-granularity: 5% }
//!         allow: { run: [./deploy], secrets: [CLOUD_TOKEN] }
//! ```
//!
//! Each program gets a question as JSON on standard input. Exit code 0 is fine;
//! any other is a failure, and the last line of standard error says why. Those
//! that are asked for something answer with a JSON object on standard output:
//!
//! | program | question | answer |
//! |---|---|---|
//! | `observe` | `{"call": "observe"}` | `{"instances": [{"digest", "asked", "ready", "starting", "draining", "restarts", "endpoints"}], "route": [{"digest", "weight-basis-points"}]}` |
//! | `stage` | `{"call": "stage", "token", "release": {"digest", "revision", "artifacts"}, "manifest"}` | |
//! | `scale` | `{"call": "scale", "token", "digest", "instances"}` | |
//! | `route` | `{"call": "route", "token", "shares": [{"digest", "weight-basis-points"}]}` | |
//! | `discard` | `{"call": "discard", "token", "digest"}` | |
//! | `telemetry` | `{"call": "telemetry", "digest"}` | `{"requests", "failures", "latency": {"bounds-us", "counts"}}`; nothing where it does not know |
//! | `logs` | `{"call": "logs", "digest", "limit-lines"}` | `{"lines": [{"at-ms", "instance", "text"}]}`, oldest first |
//! | `missing` | `{"call": "missing", "sha256": [..]}` | `{"missing": [..]}` |
//! | `upload` | the content itself; its SHA-256 is the last argument | |
//! | `load` | `{"call": "load"}` | `{"version", "document"}` of what was saved last; `{"version": 0}` where nothing was |
//! | `save` | `{"call": "save", "expected-version", "document"}` | `{"version"}`, the new one; `{"conflict": true}`, and nothing is saved, where the version is another one than was expected |
//!
//! The first five must be there, the others may. What the words mean stands in
//! `wit/target.wit`. Of an instance only `digest` must be said; a number that is
//! left out is 0, and `asked` what is ready and starting.
//!
//! - *Files.* Without `upload` nothing is ever missing: `stage` finds each file of
//!   `manifest` in the checkout, at its `path`. That is enough where one job builds
//!   and rolls out. With it contents are handed over before `stage`: all of them,
//!   or those that `missing` names.
//! - *Twice.* The host repeats a call of which it does not know whether it came
//!   through. So programs say what is to be, not what is to change: two
//!   instances, and not two more.
//! - *At once.* A call may take 10 s (`limits: { time: 1m }` at the plugin's use).
//!   `scale` and `route` begin something and return; `observe` says how far it is.
//! - *One writer.* The plugin keeps the newest token that it has seen and refuses
//!   older ones, before any program runs. It cannot stop a program that runs
//!   already. A place that can compare tokens itself should: that is why they are
//!   in the question.
//!
//! - *State.* The state of the rollouts and the newest token are in a document
//!   that the host keeps in a file of the machine it runs on. Where runs come to
//!   ever new machines, `load` and `save` keep it with the place instead: both or
//!   neither.

mod answer;
mod ledger;
mod settings;
#[cfg(test)]
mod tests;

use baepo_plugin::config::{self, Config};
use baepo_plugin::process::{command, line, tail};
use baepo_plugin::serde_json::{self, Value, json};
use baepo_plugin::target::{
    Description, Guest, LogLine, Measured, Observation, Share, TargetError,
};
use baepo_plugin::{HookError, Release};

use ledger::Ledger;
use settings::Settings;

/// The largest answer of a program, in bytes.
const MOST_BYTES: u32 = 1 << 20;

struct Plugin;

impl Guest for Plugin {
    fn describe(config: String) -> Result<Description, TargetError> {
        let settings: Settings = config::parse(&config)?;
        Ok(Description {
            name: settings.name,
            weight_granularity_basis_points: settings.weight_granularity.0,
            has_watchdog: false,
            has_telemetry: settings.telemetry.is_some(),
        })
    }

    fn missing(config: String, sha256: Vec<String>) -> Result<Vec<String>, TargetError> {
        let settings: Settings = config::parse(&config)?;
        match (&settings.upload, &settings.missing) {
            (None, _) => Ok(Vec::new()),
            (Some(_), None) => Ok(sha256),
            (Some(_), Some(program)) => {
                let question = json!({ "call": "missing", "sha256": sha256 });
                let answer::Missing(mut missing) = settings.ask(program, &question)?;
                // What nobody asked about is not to be uploaded.
                missing.retain(|content| sha256.contains(content));
                Ok(missing)
            }
        }
    }

    fn upload(
        config: String,
        token: u64,
        sha256: String,
        content: Vec<u8>,
    ) -> Result<(), TargetError> {
        let settings: Settings = config::parse(&config)?;
        Ledger::admit(&settings, token)?;
        let Some(program) = &settings.upload else {
            let why = "there is no `upload` to hand a content to";
            return Err(HookError::Failed(why.into()).into());
        };
        let argv = [&program[..], &[sha256]].concat();
        settings.run(&argv, content)?;
        Ok(())
    }

    fn stage(
        config: String,
        token: u64,
        release: Release,
        manifest: String,
    ) -> Result<(), TargetError> {
        let settings: Settings = config::parse(&config)?;
        // A JSON document as one, and not as a text in a text.
        let manifest: Value = serde_json::from_str(&manifest).unwrap_or(manifest.into());
        let question = json!({
            "call": "stage", "token": token, "release": as_json(&release), "manifest": manifest,
        });
        settings.act(&settings.stage, token, &question)
    }

    fn observe(config: String) -> Result<Observation, TargetError> {
        let settings: Settings = config::parse(&config)?;
        let question = json!({ "call": "observe" });
        let answer::Fleet(fleet) = settings.ask(&settings.observe, &question)?;
        Ok(fleet)
    }

    fn scale(
        config: String,
        token: u64,
        digest: String,
        instances: u32,
    ) -> Result<(), TargetError> {
        let settings: Settings = config::parse(&config)?;
        let question = json!({
            "call": "scale", "token": token, "digest": digest, "instances": instances,
        });
        settings.act(&settings.scale, token, &question)
    }

    fn route(config: String, token: u64, shares: Vec<Share>) -> Result<(), TargetError> {
        let settings: Settings = config::parse(&config)?;
        let shares: Vec<Value> = shares
            .iter()
            .map(|share| {
                json!({ "digest": share.digest, "weight-basis-points": share.weight_basis_points })
            })
            .collect();
        let question = json!({ "call": "route", "token": token, "shares": shares });
        settings.act(&settings.route, token, &question)
    }

    fn telemetry(config: String, digest: String) -> Result<Option<Measured>, TargetError> {
        let settings: Settings = config::parse(&config)?;
        let Some(program) = &settings.telemetry else {
            return Ok(None);
        };
        let question = json!({ "call": "telemetry", "digest": digest });
        let answer::Telemetry(measured) = settings.ask(program, &question)?;
        Ok(measured)
    }

    fn logs(config: String, digest: String, limit_lines: u32) -> Result<Vec<LogLine>, TargetError> {
        let settings: Settings = config::parse(&config)?;
        let Some(program) = &settings.logs else {
            return Ok(Vec::new());
        };
        let question = json!({ "call": "logs", "digest": digest, "limit-lines": limit_lines });
        let answer::Logs(mut lines) = settings.ask(program, &question)?;
        // The newest, where it answers with more than it was asked for.
        let surplus = lines.len().saturating_sub(limit_lines as usize);
        lines.drain(..surplus);
        Ok(lines)
    }

    fn discard(config: String, token: u64, digest: String) -> Result<(), TargetError> {
        let settings: Settings = config::parse(&config)?;
        let question = json!({ "call": "discard", "token": token, "digest": digest });
        settings.act(&settings.discard, token, &question)
    }

    fn load_state(config: String) -> Result<(u64, Vec<u8>), TargetError> {
        let ledger = Ledger::load(&config::parse(&config)?)?;
        Ok((ledger.version, ledger.state))
    }

    fn save_state(
        config: String,
        expected_version: u64,
        bytes: Vec<u8>,
    ) -> Result<u64, TargetError> {
        Ledger::replace(&config::parse(&config)?, expected_version, bytes)
    }
}

baepo_plugin::export_target!(Plugin);

impl Settings {
    /// Has a program change something, unless another run has taken over.
    fn act(&self, program: &[String], token: u64, question: &Value) -> Result<(), TargetError> {
        Ledger::admit(self, token)?;
        self.run(program, question.to_string().into_bytes())?;
        Ok(())
    }

    /// Asks a program for something.
    fn ask<A: Config>(&self, program: &[String], question: &Value) -> Result<A, HookError> {
        let stdout = self.run(program, question.to_string().into_bytes())?;
        answer::read(&line(program), &stdout)
    }

    /// Runs a program to a good end; what it wrote to standard output.
    fn run(&self, program: &[String], stdin: Vec<u8>) -> Result<Vec<u8>, HookError> {
        let mut command = command(program);
        command.stdin = stdin;
        command.capture_limit_bytes = MOST_BYTES;
        let output = self.surroundings.run_other(command, &[])?;
        let failed = |how: &str| Err(HookError::Failed(format!("{} {how}", line(program))));
        match (output.exit_code, tail(&output.stderr, 1)) {
            (0, _) if output.truncated => failed("says more than 1 MiB"),
            (0, _) => Ok(output.stdout),
            (code, why) if why.is_empty() => failed(&format!("ended with exit code {code}")),
            (_, why) => failed(&format!("failed: {why}")),
        }
    }
}

/// A release as programs read it, in the words of `wit/`.
fn as_json(release: &Release) -> Value {
    let revision = &release.revision;
    let artifacts: Vec<Value> = release
        .artifacts
        .iter()
        .map(|artifact| {
            json!({
                "name": artifact.name,
                "path": artifact.path,
                "size-bytes": artifact.size_bytes,
                "sha256": artifact.sha256,
                "media-type": artifact.media_type,
            })
        })
        .collect();
    json!({
        "digest": release.digest,
        "revision": {
            "commit": revision.commit,
            "ref-name": revision.ref_name,
            "summary": revision.summary,
            "committed-at-ms": revision.committed_at_ms,
        },
        "artifacts": artifacts,
    })
}
