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

pub(super) const CANARY: &str = "    url: https://shop.acme.dev\n    strategy:\n      plugin: builtin:canary\n      \
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
        Site::with(Checkout::new(), github, api_url, run)
    }

    /// One whose watchdog waits only so long.
    pub(super) fn watched(github: &'a Fake, run: u64, watchdog: &'static str) -> Site<'a> {
        let mut checkout = Checkout::new();
        checkout.watchdog = Some(watchdog);
        Site::with(checkout, github, &github.url(), run)
    }

    fn with(mut checkout: Checkout, github: &'a Fake, api_url: &str, run: u64) -> Site<'a> {
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
        self.belongs_to(PULL);
    }

    /// What is checked out was merged from the pull request of this number.
    pub(super) fn belongs_to(&self, number: u64) {
        let head = self.checkout.head();
        self.github.state().pulls = vec![Pull {
            number,
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
        self.comment_at(PULL)
    }

    /// The same at the pull request of this number.
    #[track_caller]
    pub(super) fn comment_at(&self, number: u64) -> String {
        let state = self.github.state();
        let comments = state.comments.iter();
        let tells = |c: &&Comment| {
            let is_other = c.body.contains("id=shop/answer ") || c.body.contains("id=shop/fork ");
            c.issue == number && c.author == JOB.1 && !is_other
        };
        let comments: Vec<_> = comments.filter(tells).collect();
        assert_eq!(comments.len(), 1, "{comments:#?}");
        comments[0].body.clone()
    }

    pub(super) fn requests(&self) -> usize {
        self.github.state().requests.len()
    }

    pub(super) fn load(&self) -> Load {
        let mut options = LoadOptions::new(format!("127.0.0.1:{}", self.checkout.port));
        options.rate = Some(1_500.0);
        Load::start(options)
    }

    /// The state of the newest status of a context.
    pub(super) fn status(&self, context: &str) -> Value {
        self.status_of("", context)
    }

    /// The same of a commit.
    pub(super) fn status_of(&self, commit: &str, context: &str) -> Value {
        let state = self.github.state();
        let newest = state
            .statuses
            .iter()
            .rev()
            .find(|(sha, status)| sha.starts_with(commit) && status["context"] == context);
        newest.unwrap_or_else(|| panic!("no status {context}")).1["state"].clone()
    }
}
