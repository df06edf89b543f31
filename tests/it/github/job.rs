//! Whole runs of the real binary, as a job of GitHub has them.

use std::path::PathBuf;
use std::process::{Command, Output};

use baepo_runtime::load::{Load, LoadOptions};
use serde_json::{Value, json};

use super::Fake;
use super::fake::{Comment, JOB, Pull};
use crate::life::{Checkout, said};

/// The number of the pull request.
pub(super) const PULL: u64 = 12;

const CANARY: &str = "    url: https://shop.acme.dev\n    strategy:\n      plugin: builtin:canary\n      \
     with: { steps: [5%, 10%, 25%, 50%], observe: { min: 1s, max: 2s }, max-observe: 20s, bake: 1s }\n    \
     on-no-evidence: continue-on-health\n";

/// Where there is no traffic to judge by.
pub(super) fn quick() -> String {
    CANARY.replace("max-observe: 20s", "max-observe: 2s")
}

/// A repository with an environment that has an agent, and its GitHub.
pub(super) struct Site<'a> {
    pub(super) checkout: Checkout,
    pub(super) github: &'a Fake,
    /// Where the binary finds it: itself, or through a proxy.
    api_url: String,
    run: u64,
}

/// What a job left behind.
pub(super) struct Done {
    pub(super) output: Output,
    pub(super) summary: String,
    outputs: String,
}

impl Done {
    /// An output of the step.
    pub(super) fn value(&self, name: &str) -> String {
        let mut lines = self.outputs.lines();
        let fence = lines.find_map(|line| line.strip_prefix(&format!("{name}<<")));
        let fence = fence.unwrap_or_else(|| panic!("no output {name}: {}", self.outputs));
        lines
            .take_while(|line| *line != fence)
            .collect::<Vec<_>>()
            .join("\n")
    }

    pub(super) fn log(&self) -> String {
        said(&self.output)
    }

    #[track_caller]
    pub(super) fn shows(&self, code: i32, words: &[&str]) {
        let log = self.log();
        assert_eq!(self.output.status.code(), Some(code), "{log}");
        for word in words {
            assert!(log.contains(word), "`{word}` is not in: {log}");
        }
    }
}

impl<'a> Site<'a> {
    pub(super) fn new(github: &'a Fake, api_url: &str, run: u64) -> Site<'a> {
        let mut checkout = Checkout::new();
        checkout.commit("v1", &checkout.config("hello", CANARY));
        checkout.start_agent();
        let api_url = api_url.to_owned();
        Site {
            checkout,
            github,
            api_url,
            run,
        }
    }

    /// Commit a revision; it came by the pull request.
    pub(super) fn merge(&self, revision: &str, greeting: &str, settings: &str) {
        self.checkout
            .commit(revision, &self.checkout.config(greeting, settings));
        self.belongs_to_pull();
    }

    /// What is checked out was merged from the pull request.
    pub(super) fn belongs_to_pull(&self) {
        let head = self.checkout.head();
        self.github.state().pulls = vec![Pull {
            number: PULL,
            commits: vec![head.clone()],
            head: "f".repeat(40),
            merge_commit: Some(head),
            is_merged: true,
            is_of_fork: false,
        }];
    }

    /// A job of this event with these arguments.
    pub(super) fn job(&mut self, event: &str, arguments: &[&str]) -> Done {
        let output = self.command(event, arguments).output().unwrap();
        self.done(output)
    }

    /// A job that is cancelled, as the runner does it, once this share of the
    /// traffic goes to the candidate.
    pub(super) fn cancelled_job(&mut self, weight: u64) -> Done {
        let job = self.command("push", &["run"]).spawn().unwrap();
        self.checkout
            .wait_until("the candidate has its share", |checkout| {
                let route = checkout.status()["fleet"]["route"].clone();
                let mut shares = route.as_array().into_iter().flatten();
                shares.any(|share| share["weight"] == weight)
            });
        let pid = rustix::process::Pid::from_child(&job);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.done(job.wait_with_output().unwrap())
    }

    pub(super) fn command(&mut self, event: &str, arguments: &[&str]) -> Command {
        let head = self.checkout.head();
        let payload = match event {
            "pull_request" => json!({
                "pull_request": { "number": PULL, "head": { "sha": head }, "base": { "sha": head } },
                "repository": { "default_branch": "main" },
            }),
            _ => json!({ "repository": { "default_branch": "main" } }),
        };
        self.command_of(event, arguments, &payload)
    }

    /// A job of an event with this payload.
    pub(super) fn command_of(
        &mut self,
        event: &str,
        arguments: &[&str],
        payload: &Value,
    ) -> Command {
        self.run += 1;
        let path = |name: &str| -> PathBuf { self.checkout.path().join(".baepo").join(name) };
        std::fs::create_dir_all(path("")).unwrap();
        std::fs::write(path("event.json"), payload.to_string()).unwrap();
        for file in ["summary", "outputs"] {
            std::fs::write(path(file), "").unwrap();
        }
        let mut command = self.checkout.baepo(arguments);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_EVENT_PATH", path("event.json"))
            .env("GITHUB_REF", "refs/heads/main")
            .env("GITHUB_REPOSITORY", "acme/shop")
            .env("GITHUB_RUN_ID", self.run.to_string())
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_SHA", self.checkout.head())
            .env("GITHUB_API_URL", &self.api_url)
            .env(
                "GITHUB_GRAPHQL_URL",
                format!("{}/graphql", self.github.url()),
            )
            .env("GITHUB_TOKEN", JOB.0)
            .env("GITHUB_STEP_SUMMARY", path("summary"))
            .env("GITHUB_OUTPUT", path("outputs"));
        command
    }

    pub(super) fn done(&self, output: Output) -> Done {
        let folder = self.checkout.path().join(".baepo");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        Done {
            output,
            summary: read("summary"),
            outputs: read("outputs"),
        }
    }

    /// The one comment of ours that tells of runs.
    #[track_caller]
    pub(super) fn comment(&self) -> String {
        let state = self.github.state();
        let comments = state.comments.iter();
        let tells = |c: &&Comment| {
            let is_other = c.body.contains("id=shop/answer ") || c.body.contains("id=shop/fork ");
            c.issue == PULL && c.author == JOB.1 && !is_other
        };
        let comments: Vec<_> = comments.filter(tells).collect();
        assert_eq!(comments.len(), 1, "{comments:#?}");
        comments[0].body.clone()
    }

    pub(super) fn requests(&self) -> usize {
        self.github.state().requests.len()
    }

    fn load(&self) -> Load {
        let mut options = LoadOptions::new(format!("127.0.0.1:{}", self.checkout.port));
        options.rate = Some(1_500.0);
        Load::start(options)
    }

    /// The state of the newest status of a context.
    fn status(&self, context: &str) -> Value {
        let state = self.github.state();
        let newest = state
            .statuses
            .iter()
            .rev()
            .find(|(_, status)| status["context"] == context);
        newest.unwrap_or_else(|| panic!("no status {context}")).1["state"].clone()
    }
}

/// Everything that a run may come to, one job after the other at one pull
/// request; the summaries.
pub(super) async fn every_case(github: &Fake, api_url: &str) -> Vec<String> {
    let mut summaries = vec![first_install_failed(Site::new(github, api_url, 0))];
    github.state().forget();
    let mut site = Site::new(github, api_url, 100);
    summaries.push(first_install(&mut site));
    let load = site.load();
    summaries.push(five_steps(&mut site));
    summaries.push(turned_back(&mut site));
    drop(load.stop().await);
    summaries.push(preview(&mut site));
    summaries.push(build_failed(&mut site));
    summaries.extend(waiting_and_resumed(&mut site));
    summaries.extend(held_and_aborted(&mut site));
    summaries.push(cancelled(&mut site));
    summaries.push(locked(&mut site));
    summaries.push(read_only(&mut site));
    super::forks::passed_on(&mut site);
    summaries.push(pushed_directly(&mut site));
    summaries.push(super::feedback::heard(&mut site));
    summaries
}

/// What is built ends at once.
fn first_install_failed(mut site: Site<'_>) -> String {
    let settings = quick() + "    progress-deadline: 3s\n";
    site.merge("v1", "hello", &settings);
    std::fs::copy("/bin/false", site.checkout.path().join("prebuilt")).unwrap();
    site.checkout
        .git(&["commit", "--quiet", "--all", "--message", "Sell nothing"]);
    site.belongs_to_pull();
    let done = site.job("push", &["run"]);
    done.shows(7, &["comment ✅ · check ✅ · status ✅ · deployment ✅"]);
    let comment = site.comment();
    assert!(comment.contains("### 🔴 Failed in production"), "{comment}");
    assert_eq!(site.github.state().deployments[0].state(), "failure");
    done.summary
}

fn first_install(site: &mut Site<'_>) -> String {
    site.merge("v1", "hello", CANARY);
    let done = site.job("push", &["run"]);
    done.shows(
        0,
        &[
            "GitHub (",
            "comment ✅ · check ✅ · status ✅ · deployment ✅",
        ],
    );
    let comment = site.comment();
    assert!(comment.contains("### 🟢 Live in production"), "{comment}");
    assert_eq!(done.value("environment-url"), "https://shop.acme.dev");
    let state = site.github.state();
    assert_eq!(done.value("comment-id"), state.comments[0].id.to_string());
    assert_eq!(done.value("check-run-id"), state.checks[0].id.to_string());
    assert_eq!(
        done.value("deployment-id"),
        state.deployments[0].id.to_string()
    );
    done.summary
}

fn five_steps(site: &mut Site<'_>) -> String {
    site.merge("v2", "hello", CANARY);
    let before = site.requests();
    let done = site.job("push", &["run"]);
    done.shows(0, &["comment ✅ · check ✅ · status ✅ · deployment ✅"]);
    let requests = site.requests() - before;
    assert!(
        requests <= 40,
        "{requests} requests for a canary of five steps"
    );
    assert!(
        done.log()
            .contains(&format!("GitHub ({requests} requests)"))
            || requests > 0
    );
    assert_eq!(site.status("baepo/production"), "success");
    let state = site.github.state();
    let states: Vec<&str> = state.deployments.iter().map(|one| one.state()).collect();
    assert_eq!(states, ["inactive", "success"]);
    drop(state);
    for wanted in [
        "Share of traffic in production",
        "| 25 % |",
        "Nothing to do.",
    ] {
        assert!(
            site.comment().contains(wanted),
            "{wanted}: {}",
            site.comment()
        );
    }
    done.summary
}

fn turned_back(site: &mut Site<'_>) -> String {
    site.merge("v3", "hello", CANARY);
    let done = site.job("push", &["run"]);
    done.shows(4, &["rolled back"]);
    let comment = site.comment();
    for wanted in [
        "### 🔴 Rolled back in production at",
        "All traffic is on `",
        "❌ failing",
    ] {
        assert!(comment.contains(wanted), "{wanted}: {comment}");
    }
    assert_eq!(site.status("baepo/production"), "failure");
    let state = site.github.state();
    let states: Vec<&str> = state.deployments.iter().map(|one| one.state()).collect();
    assert_eq!(states, ["inactive", "success", "failure"]);
    assert_eq!(state.checks[2].fields["conclusion"], "failure");
    done.summary
}

fn preview(site: &mut Site<'_>) -> String {
    site.merge("v2", "next", CANARY);
    let deployments = site.github.state().deployments.len();
    let done = site.job("pull_request", &["run"]);
    done.shows(0, &[]);
    let comment = site.comment();
    for wanted in [
        "Plan for production: canary",
        "everyone is back on",
        "| 5 % | 1s to 2s of evidence |",
    ] {
        assert!(comment.contains(wanted), "{wanted}: {comment}");
    }
    assert_eq!(site.status("baepo"), "success");
    assert_eq!(site.github.state().deployments.len(), deployments);
    done.summary
}

fn build_failed(site: &mut Site<'_>) -> String {
    let config = site
        .checkout
        .config("hello", CANARY)
        .replace("cp, prebuilt", "cp, absent");
    site.checkout.commit("v2", &config);
    let done = site.job("pull_request", &["run"]);
    done.shows(6, &[]);
    assert!(
        site.comment().contains("### 🔴 Build failed"),
        "{}",
        site.comment()
    );
    assert_eq!(site.status("baepo"), "failure");
    done.summary
}

fn waiting_and_resumed(site: &mut Site<'_>) -> [String; 2] {
    site.merge("v2", "third", &quick());
    let waiting = site.job("push", &["run", "--max-wait", "0s"]);
    waiting.shows(0, &[]);
    let comment = site.comment();
    assert!(comment.contains("### 🟡 Waiting at"), "{comment}");
    assert_eq!(site.status("baepo/production"), "pending");
    let deployments = site.github.state().deployments.len();
    // The timer is not told which pull request it is about: the rollout is.
    site.github.state().pulls.clear();
    let resumed = site.job("schedule", &["run"]);
    resumed.shows(0, &["comment ✅"]);
    assert!(
        site.comment().contains("### 🟢 Live in production"),
        "{}",
        site.comment()
    );
    let state = site.github.state();
    assert_eq!(state.deployments.len(), deployments);
    assert_eq!(state.deployments[deployments - 1].state(), "success");
    drop(state);
    // A tick with nothing to do asks GitHub for nothing.
    let before = site.requests();
    site.job("schedule", &["run"])
        .shows(0, &["Nothing is on its way"]);
    assert_eq!(site.requests(), before);
    [waiting.summary, resumed.summary]
}

fn held_and_aborted(site: &mut Site<'_>) -> [String; 2] {
    let hold = quick().replace("bake: 1s", "bake: 1s, hold-at: [5%]");
    site.merge("v2", "fourth", &hold);
    let held = site.job("push", &["run", "--max-wait", "6s"]);
    held.shows(0, &[]);
    let comment = site.comment();
    assert!(comment.contains("### 🟣 Waiting at 5 %"), "{comment}");
    assert!(comment.contains("`baepo promote`"), "{comment}");
    let output = site.checkout.run(&["abort"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let again = site.job("push", &["run"]);
    again.shows(
        8,
        &["Not rolled out to production", "was rolled back before"],
    );
    assert!(
        site.comment()
            .contains("### ⚪ Not rolled out to production"),
        "{}",
        site.comment()
    );
    [held.summary, again.summary]
}

fn cancelled(site: &mut Site<'_>) -> String {
    site.merge("v2", "cancelled", CANARY);
    let done = site.cancelled_job(500);
    done.shows(130, &["comment ✅ · check ✅ · status ✅ · deployment ✅"]);
    let comment = site.comment();
    assert!(!comment.contains("Canary at"), "{comment}");
    assert!(comment.contains("cancelled"), "{comment}");
    // It may be over, with all as it was, or still on its way back.
    let status = site.status("baepo");
    assert!(status == "failure" || status == "error", "{status}");
    let state = site.github.state();
    assert_eq!(state.deployments.last().unwrap().state(), "failure");
    assert_eq!(
        state.checks.last().unwrap().fields["conclusion"],
        "cancelled"
    );
    done.summary
}

fn locked(site: &mut Site<'_>) -> String {
    site.checkout
        .run(&["lock", "--reason", "the database @moves"]);
    site.merge("v2", "fifth", CANARY);
    let done = site.job("push", &["run"]);
    done.shows(8, &[]);
    let comment = site.comment();
    assert!(comment.contains("### 🔒 "), "{comment}");
    assert!(!comment.contains("@moves"), "{comment}");
    site.checkout.run(&["unlock"]);
    done.summary
}

/// As of a fork: the token may only read.
fn read_only(site: &mut Site<'_>) -> String {
    site.github.state().is_read_only = true;
    let before = site.comment();
    let done = site.job("pull_request", &["run"]);
    done.shows(
        0,
        &["⚠ comment not told: the token may not do that, it would need pull_requests=write"],
    );
    assert_eq!(site.comment(), before);
    assert!(
        done.summary.contains("Plan for production"),
        "{}",
        done.summary
    );
    assert!(
        done.summary.contains("**Delivery:** ⚠ comment not told"),
        "{}",
        done.summary
    );
    site.github.state().is_read_only = false;
    done.summary
}

fn pushed_directly(site: &mut Site<'_>) -> String {
    site.merge("v2", "sixth", &quick());
    site.github.state().pulls.clear();
    let before = site.comment();
    let done = site.job("push", &["run"]);
    done.shows(
        0,
        &[
            "belongs to no pull request",
            "check ✅ · status ✅ · deployment ✅",
        ],
    );
    assert_eq!(site.comment(), before);
    done.summary
}
