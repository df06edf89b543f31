//! The programs of the target plugin `programs`, for tests: a real agent is the
//! place. `test-place CALL` reads the question from standard input; the agent's
//! control socket is in `PLACE_CONTROL`, what instances run in `PLACE_COMMAND`, and the
//! file for the document, where it is to be kept, in `PLACE_DOCUMENT`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use baepo_core::lease::Token;
use baepo_runtime::target::local::LocalTarget;
use baepo_runtime::target::{StagedFile, Staging, Target, TargetError, Workload};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::main]
async fn main() {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let (written, code) = match answer().await {
        Ok(text) => (out.write_all(text.as_bytes()), 0),
        Err(why) => (writeln!(err, "{why}"), 1),
    };
    // Who does not read it does not miss it.
    drop(written);
    std::process::exit(code);
}

async fn answer() -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let question: Value = serde_json::from_str(&text)?;
    let target = LocalTarget::new(PathBuf::from(std::env::var("PLACE_CONTROL")?));
    let digest = || Ok::<_, Box<dyn std::error::Error>>(text_of(&question["digest"])?.parse()?);
    match question["call"].as_str().unwrap_or_default() {
        "stage" => {
            target
                .stage(token(&target).await?, &staging(&question)?)
                .await?
        }
        "scale" => {
            let instances = u32::try_from(question["instances"].as_u64().ok_or("no count")?)?;
            let token = token(&target).await?;
            target.scale(token, digest()?, instances).await?;
        }
        "route" => {
            let mut shares = question["shares"].clone();
            for share in shares.as_array_mut().into_iter().flatten() {
                share["weight"] = share["weight-basis-points"].take();
            }
            let route = serde_json::from_value(shares)?;
            target.route(token(&target).await?, &route).await?;
        }
        "discard" => target.discard(token(&target).await?, digest()?).await?,
        "observe" => {
            let mut fleet = serde_json::to_value(target.observe().await?)?;
            for share in fleet["route"].as_array_mut().into_iter().flatten() {
                share["weight-basis-points"] = share["weight"].take();
                share.as_object_mut().ok_or("no share")?.remove("weight");
            }
            for one in fleet["instances"].as_array_mut().into_iter().flatten() {
                one.as_object_mut().ok_or("no instances")?.remove("trouble");
            }
            return Ok(fleet.to_string());
        }
        "telemetry" => {
            if let Some(told) = target.telemetry(digest()?).await? {
                let latency = json!({
                    "bounds-us": told.latency.bounds_us, "counts": told.latency.counts,
                });
                let (requests, failures) = (told.requests, told.failures);
                let told =
                    json!({ "requests": requests, "failures": failures, "latency": latency });
                return Ok(told.to_string());
            }
        }
        "logs" => {
            let limit = question["limit-lines"].as_u64().unwrap_or(100);
            let lines = target.logs(digest()?, usize::try_from(limit)?).await?;
            let lines: Vec<Value> = lines
                .iter()
                .map(|line| json!({ "at-ms": line.at.0, "instance": line.instance, "text": line.text }))
                .collect();
            return Ok(json!({ "lines": lines }).to_string());
        }
        // A file, where a cloud would have a bucket.
        "load" => return Ok(document()?.to_string()),
        "save" => {
            let version = document()?["version"].as_u64().unwrap_or_default();
            if question["expected-version"] != version {
                return Ok(json!({ "conflict": true }).to_string());
            }
            let version = version + 1;
            let document = json!({ "version": version, "document": question["document"] });
            std::fs::write(document_file()?, document.to_string())?;
            return Ok(json!({ "version": version }).to_string());
        }
        call => return Err(format!("nobody knows `{call}`").into()),
    }
    Ok(String::new())
}

fn document_file() -> Result<PathBuf, std::env::VarError> {
    Ok(PathBuf::from(std::env::var("PLACE_DOCUMENT")?))
}

fn document() -> Result<Value, Box<dyn std::error::Error>> {
    match std::fs::read(document_file()?) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(_) => Ok(json!({ "version": 0 })),
    }
}

fn text_of(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

/// The token that the agent knows us by: only we hold its lease.
async fn token(target: &LocalTarget) -> Result<Token, TargetError> {
    let held = target.status().await?.kept_lease.map(|lease| lease.token);
    Ok(target.acquire("the place", held, HOUR).await?.token)
}

/// The release as an agent takes it; its files are where the manifest says.
fn staging(question: &Value) -> Result<Staging, Box<dyn std::error::Error>> {
    let (told, manifest) = (&question["release"], &question["manifest"]);
    let revision = &told["revision"];
    let release = json!({
        "digest": told["digest"],
        "revision": {
            "commit": revision["commit"], "ref-name": revision["ref-name"],
            "summary": revision["summary"], "committed-at": revision["committed-at-ms"],
        },
        "artifacts": [],
    });
    let file = |file: &Value| -> Result<StagedFile, Box<dyn std::error::Error>> {
        Ok(StagedFile {
            name: text_of(&file["name"])?.to_owned(),
            sha256: text_of(&file["sha256"])?.parse()?,
            executable: file["executable"] == true,
            source: std::path::absolute(text_of(&file["path"])?)?,
        })
    };
    let files = manifest["files"].as_array().into_iter().flatten().map(file);
    let env: BTreeMap<String, String> = serde_json::from_value(manifest["env"].clone())?;
    let command = std::env::var("PLACE_COMMAND")?;
    Ok(Staging {
        release: serde_json::from_value(release)?,
        workload: Workload {
            command: command.split(' ').map(str::to_owned).collect(),
            env: env.into_iter().collect(),
            secret_env: Vec::new(),
            health_path: "/healthz".to_owned(),
            health_interval: Duration::from_millis(100),
            health_timeout: Duration::from_secs(2),
            drain_deadline: Duration::from_secs(5),
            stop_deadline: Duration::from_secs(2),
        },
        files: files.collect::<Result<_, _>>()?,
        manifest: manifest.to_string(),
    })
}
