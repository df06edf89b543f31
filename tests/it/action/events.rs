//! A life cycle by GitHub's own events: their payloads as GitHub shows them,
//! with the names and commits of this repository put in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Job, Repository, act, root};
use crate::github::Fake;
use crate::github::fake::{JOB, Pull};
use crate::life::{baepo, free_port, shop, within};

/// The number of the pull request in those payloads.
const PULL: u64 = 2;

/// The payloads that GitHub shows, or nothing where a person runs the tests
/// without them.
fn shown() -> Result<Option<Value>> {
    let file = "target/tools/npm/node_modules/@octokit/webhooks-examples/api.github.com/index.json";
    match fs::read_to_string(root().join(file)) {
        Ok(text) => {
            let text = text
                .replace("Codertocat/Hello-World", "acme/shop")
                .replace("octo-org/octo-repo", "acme/shop");
            Ok(Some(serde_json::from_str(&text)?))
        }
        Err(_) if std::env::var_os("CI").is_none() => Ok(None),
        Err(error) => bail!("{file}: {error}: cargo xtask ci install"),
    }
}

/// A shop whose environment has an agent beside its jobs.
struct Site {
    repository: Repository,
    github: Fake,
    act: PathBuf,
    shown: Value,
    agent: Option<Child>,
    port: u16,
    run: u64,
}

impl Site {
    async fn new() -> Result<Option<Site>> {
        let (Some(act), Some(shown)) = (act()?, shown()?) else {
            return Ok(None);
        };
        let mut site = Site {
            repository: Repository::new()?,
            github: Fake::start().await,
            act,
            shown,
            agent: None,
            port: free_port(),
            run: 0,
        };
        site.commit("v1", "hello")?;
        let agent = site.agent_command(&[]).stderr(Stdio::null()).spawn()?;
        site.agent = Some(agent);
        ensure!(
            within(Duration::from_secs(20), || site.status().is_some()),
            "the agent does not answer"
        );
        Ok(Some(site))
    }

    fn shop(&self) -> PathBuf {
        self.repository.path().join("shop")
    }

    fn state(&self) -> String {
        self.repository.0.path().join("state").display().to_string()
    }

    fn baepo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(baepo());
        command
            .args(arguments)
            .current_dir(self.shop())
            .env("BAEPO_STATE", self.state())
            .env_remove("GITHUB_ACTIONS")
            .stdin(Stdio::null());
        command
    }

    fn agent_command(&self, more: &[&str]) -> Command {
        let mut command = self.baepo(&["agent", "--environment", "production"]);
        command.args(more);
        command
    }

    fn status(&self) -> Option<Value> {
        let output = self.baepo(&["status", "--output", "json"]).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    }

    /// The commit that serves all users, if one does.
    fn serves(&self) -> Option<String> {
        let status = self.status()?;
        let [share] = status["fleet"]["route"].as_array()?.as_slice() else {
            return None;
        };
        let stable = &status["state"]["stable"];
        let is_whole = share["weight"] == 10_000 && share["digest"] == stable["digest"];
        let commit = stable["revision"]["commit"].as_str()?;
        is_whole.then(|| commit.to_owned())
    }

    fn commit(&self, revision: &str, greeting: &str) -> Result<()> {
        fs::copy(shop(revision), self.shop().join("prebuilt"))?;
        let config = format!(
            "app: shop\n\
             build: {{ run: [cp, prebuilt, built], artifacts: [built] }}\n\
             release: {{ env: {{ GREETING: {greeting} }} }}\n\
             environments:\n  \
               production:\n    \
                 target: {{ local: {{ listen: \"127.0.0.1:{}\", command: [built], health: /healthz }} }}\n    \
                 strategy:\n      \
                   plugin: builtin:canary\n      \
                   with: {{ steps: [5%, 50%], observe: {{ min: 1s, max: 3s }}, max-observe: 4s, bake: 1s }}\n    \
                 on-no-evidence: continue-on-health\n    \
                 monitors: [traffic]\n    \
                 first-bake: 1s\n",
            self.port
        );
        fs::write(self.shop().join("baepo.yml"), config)?;
        self.repository.git(&["add", "--force", "."])?;
        self.repository
            .git(&["commit", "--quiet", "--message", "Sell more bread"])
    }

    fn head(&self) -> Result<String> {
        let output = Command::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(self.repository.path())
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The first payload of this event for which it is so.
    fn payload(&self, event: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let events = self.shown.as_array().into_iter().flatten();
        let found = events
            .filter(|shown| shown["name"] == event)
            .filter_map(|shown| shown["examples"].as_array())
            .flatten()
            .find(|example| is_it(example));
        let mut payload = found
            .cloned()
            .with_context(|| format!("no such example of {event}"))?;
        payload["repository"]["default_branch"] = json!("main");
        Ok(payload)
    }

    /// The payload of a push of what is checked out.
    fn push(&self) -> Result<Value> {
        let is_branch = |example: &Value| example["ref"] == "refs/heads/master";
        let mut push = self.payload("push", is_branch)?;
        push["ref"] = json!("refs/heads/main");
        push["after"] = json!(self.head()?);
        Ok(push)
    }

    /// The payload of a pull request whose head is checked out.
    fn pull_request(&self, action: &str, from: &str) -> Result<Value> {
        let mut payload = self.payload("pull_request", |example| example["action"] == action)?;
        let head = self.head()?;
        payload["pull_request"]["head"]["sha"] = json!(head);
        payload["pull_request"]["head"]["ref"] = json!("bread");
        payload["pull_request"]["head"]["repo"]["full_name"] = json!(from);
        payload["pull_request"]["base"]["sha"] = json!(head);
        self.github.state().pulls = vec![Pull {
            number: PULL,
            commits: vec![head.clone()],
            head,
            merge_commit: None,
            is_merged: false,
            is_of_fork: from != "acme/shop",
        }];
        Ok(payload)
    }

    /// A command of act for this event.
    fn job(&mut self, event: &str, payload: &Value, more: &[(&str, &str)]) -> Result<Job> {
        let workflow = match event {
            "workflow_run" => ".github/workflows/tell.yml",
            _ => ".github/workflows/events.yml",
        };
        self.run += 1;
        let file = self.repository.0.path().join("event.json");
        fs::write(&file, payload.to_string())?;
        let file = file.display().to_string();
        let (binary, state) = (baepo().display().to_string(), self.state());
        let (url, run) = (self.github.url(), self.run.to_string());
        let graphql = format!("{url}/graphql");
        let mut variables = vec![
            ("TEST_BINARY", binary.as_str()),
            ("TEST_KEEP", ""),
            ("BAEPO_STATE", &state),
            ("GITHUB_API_URL", &url),
            ("GITHUB_GRAPHQL_URL", &graphql),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", &run),
        ];
        variables.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        variables.extend(more);
        let arguments = [event, "--workflows", workflow, "--eventpath", &file];
        self.repository
            .run(&arguments, JOB.0, &self.act, &variables)
    }

    /// The comments of ours at the pull request, by what their markers say.
    fn comment(&self, id: &str) -> Result<String> {
        let marker = format!("<!-- baepo v=1 id={id} ");
        let state = self.github.state();
        let ours = state.comments.iter().filter(|c| c.issue == PULL);
        let found: Vec<&str> = ours
            .map(|comment| comment.body.as_str())
            .filter(|body| body.starts_with(&marker))
            .collect();
        match found.as_slice() {
            [only] => Ok((*only).to_owned()),
            _ => bail!("{} comments of {id}: {found:#?}", found.len()),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A test that has failed must not leave it behind.
        let _ = self.agent_command(&["--stop"]).output();
        if let Some(agent) = &mut self.agent {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

fn came(job: &Job, outcome: &str, reason: &str) -> Result<()> {
    let line = format!("outcome=<{outcome}> reason-code=<{reason}>");
    ensure!(
        job.lines().contains(&line.as_str()),
        "no {line}: {}",
        job.text
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_github_does_what_it_is_for() -> Result<()> {
    let Some(mut site) = Site::new().await? else {
        return Ok(());
    };
    pushed(&mut site)?;
    previewed(&mut site)?;
    of_a_fork(&mut site)?;
    resumed(&mut site)?;
    dispatched(&mut site)?;
    cancelled(&mut site)
}

fn pushed(site: &mut Site) -> Result<()> {
    let mut push = site.push()?;
    let job = site.job("push", &push, &[])?;
    came(&job, "succeeded", "promoted")?;
    ensure!(site.serves() == Some(site.head()?), "{}", job.text);
    // A tag deploys nothing.
    push["ref"] = json!("refs/tags/simple-tag");
    let writes = site.github.state().count("POST ");
    let job = site.job("push", &push, &[("GITHUB_REF", "refs/tags/simple-tag")])?;
    ensure!(job.text.contains("`push` deploys nothing"), "{}", job.text);
    ensure!(site.github.state().count("POST ") == writes);
    Ok(())
}

fn previewed(site: &mut Site) -> Result<()> {
    let before = site.serves();
    for (action, greeting) in [("opened", "good morning"), ("synchronize", "good evening")] {
        site.commit("v2", greeting)?;
        let payload = site.pull_request(action, "acme/shop")?;
        let job = site.job("pull_request", &payload, &[])?;
        came(&job, "succeeded", "done")?;
        let comment = site.comment("shop")?;
        ensure!(comment.contains("Plan for production: canary"), "{comment}");
        let head = site.head()?;
        ensure!(comment.contains(&head[..7]), "{comment}");
        let state = site.github.state();
        let newest = state.statuses.last().context("a status")?;
        ensure!(newest.0 == head && newest.1["state"] == "success");
    }
    ensure!(site.serves() == before, "a pull request was deployed");
    Ok(())
}

fn of_a_fork(site: &mut Site) -> Result<()> {
    site.commit("v2", "good night")?;
    let payload = site.pull_request("opened", "somebody/shop")?;
    let keep = site.repository.0.path().join("kept.jsonl");
    let keep = keep.display().to_string();
    let before = site.comment("shop")?;
    site.github.state().is_read_only = true;
    let job = site.job("pull_request", &payload, &[("TEST_KEEP", &keep)])?;
    site.github.state().is_read_only = false;
    came(&job, "succeeded", "done")?;
    ensure!(job.text.contains("⚠ comment not told"), "{}", job.text);
    let mut run = site.payload("workflow_run", |example| {
        example["action"] == "completed" && example["workflow_run"]["run_attempt"] == 1
    })?;
    run["workflow_run"]["event"] = json!("pull_request");
    run["workflow_run"]["head_sha"] = json!(site.head()?);
    run["workflow_run"]["head_branch"] = json!("bread");
    let fork = json!({ "full_name": "somebody/shop", "owner": { "login": "somebody" } });
    run["workflow_run"]["head_repository"] = fork;
    let vouched = |site: &Site| {
        let state = site.github.state();
        (
            state.statuses.len(),
            state.checks.len(),
            state.deployments.len(),
        )
    };
    let before_it = vouched(site);
    let job = site.job("workflow_run", &run, &[("TEST_KEEP", &keep)])?;
    ensure!(job.succeeded, "{}", job.text);
    let told = site.comment("shop/fork")?;
    ensure!(told.contains("### ⚪ From a fork: "), "{told}");
    ensure!(told.contains("Plan for production: canary"), "{told}");
    ensure!(site.comment("shop")? == before);
    // Nothing that a branch rule could believe.
    ensure!(vouched(site) == before_it);
    Ok(())
}

fn resumed(site: &mut Site) -> Result<()> {
    let push = site.push()?;
    {
        let mut state = site.github.state();
        let pull = &mut state.pulls[0];
        (pull.is_merged, pull.merge_commit) = (true, Some(pull.head.clone()));
    }
    let job = site.job("push", &push, &[("TEST_MAX_WAIT", "0s")])?;
    ensure!(job.succeeded, "{}", job.text);
    let comment = site.comment("shop")?;
    ensure!(
        comment.contains("### 🟡 Waiting at"),
        "{comment}\n{}",
        job.text
    );
    // GitHub shows no payload of it: it has little more than this.
    let tick = json!({
        "schedule": "*/10 * * * *",
        "repository": push["repository"],
    });
    let job = site.job("schedule", &tick, &[])?;
    came(&job, "succeeded", "promoted")?;
    ensure!(site.comment("shop")?.contains("### 🟢 Live in production"));
    ensure!(site.serves() == Some(site.head()?));
    let job = site.job("schedule", &tick, &[])?;
    ensure!(job.text.contains("Nothing is on its way"), "{}", job.text);
    Ok(())
}

fn dispatched(site: &mut Site) -> Result<()> {
    site.commit("v2", "by hand")?;
    let mut payload = site.payload("workflow_dispatch", |_| true)?;
    payload["ref"] = json!("refs/heads/main");
    payload["inputs"] = json!({ "environment": "production" });
    let job = site.job("workflow_dispatch", &payload, &[])?;
    came(&job, "succeeded", "promoted")?;
    ensure!(site.serves() == Some(site.head()?));
    Ok(())
}

/// act ends a step that it cancels at once, as a runner does that has lost its
/// patience: the next tick brings everything back or on.
fn cancelled(site: &mut Site) -> Result<()> {
    let before = site.serves();
    site.commit("v2", "cancelled")?;
    let push = site.push()?;
    site.github.state().pulls.clear();
    let (state, shop) = (site.state(), site.shop());
    let cancel = std::thread::spawn(move || cancel_at_share(&state, &shop, 500));
    let job = site.job("push", &push, &[])?;
    let cancelled = cancel
        .join()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))?;
    ensure!(cancelled, "no share: {}", job.text);
    ensure!(!job.succeeded, "{}", job.text);
    let tick = json!({ "schedule": "*/10 * * * *", "repository": push["repository"] });
    let is_whole = within(Duration::from_secs(60), || {
        site.job("schedule", &tick, &[]).is_ok() && site.serves().is_some()
    });
    ensure!(is_whole, "{:?}", site.status());
    let serves = site.serves();
    ensure!(
        serves == before || serves == Some(site.head()?),
        "{serves:?}"
    );
    Ok(())
}

/// Interrupt act once the candidate has this share, as a person does with ^C.
fn cancel_at_share(state: &str, shop: &Path, weight: u64) -> bool {
    let has_share = || {
        let output = Command::new(baepo())
            .args(["status", "--output", "json"])
            .current_dir(shop)
            .env("BAEPO_STATE", state)
            .output();
        let status: Option<Value> = output
            .ok()
            .and_then(|output| serde_json::from_slice(&output.stdout).ok());
        let route = status.map(|status| status["fleet"]["route"].clone());
        let shares = route.as_ref().and_then(Value::as_array);
        shares.is_some_and(|shares| shares.iter().any(|share| share["weight"] == weight))
    };
    within(Duration::from_secs(40), has_share) && interrupt_act()
}

/// Interrupt the act that this process has started.
fn interrupt_act() -> bool {
    let own = std::process::id().to_string();
    let found = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (name, rest) = stat.rsplit_once(')')?;
            let parent = rest.split_whitespace().nth(1)?;
            (name.ends_with("(act") && parent == own).then_some(pid)
        });
    let pid = found.and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::INT).is_ok())
}
