//! What people say in comments, done and answered by the real binary.

use std::process::Stdio;

use serde_json::json;

use super::Fake;
use super::fake::{Actor, Comment, JOB, OTHER_BOT, PERSON};
use super::job::{Done, PULL, Site, quick};
use crate::life::{said, within};

const STRANGER: Actor = Actor {
    id: 66,
    login: "stranger",
    is_bot: false,
};

/// Where commands are answered, and what is built is in a folder that every
/// commit has.
fn config(site: &Site<'_>, greeting: &str, settings: &str) -> String {
    site.checkout.write("made/.keep", "");
    let config = site.checkout.config(greeting, settings);
    config.replace("out/shop", "made/shop") + "github: { commands: {} }\n"
}

impl Site<'_> {
    /// A person writes a comment, and its job runs.
    fn say(&mut self, author: Actor, body: &str) -> Done {
        self.say_at(PULL, author, body)
    }

    fn say_at(&mut self, pull_request: u64, author: Actor, body: &str) -> Done {
        let output = self
            .comment_job(pull_request, author, body)
            .output()
            .unwrap();
        self.done(output)
    }

    fn comment_job(
        &mut self,
        pull_request: u64,
        author: Actor,
        body: &str,
    ) -> std::process::Command {
        self.github.state().reacted.clear();
        let id = self.github.state().say(pull_request, author, body);
        let kind = if author.is_bot { "Bot" } else { "User" };
        let user = json!({ "login": author.login, "type": kind });
        let payload = json!({
            "action": "created",
            "issue": { "number": pull_request, "pull_request": { "url": "x" } },
            "comment": { "id": id, "body": body, "user": user },
            "repository": { "default_branch": "main" },
        });
        let mut command = self.command_of("issue_comment", &["answer"], &payload);
        command.env("GITHUB_ACTOR", author.login);
        command
    }

    /// The reactions that the comment had, in order; none but the last stays.
    #[track_caller]
    fn reacted(&self, wanted: &[&str]) {
        let state = self.github.state();
        assert_eq!(state.reacted, wanted);
        let asked = state
            .comments
            .iter()
            .rfind(|c| c.author != JOB.1)
            .unwrap()
            .id;
        let stay = state.reactions.iter().filter(|r| r.comment == asked);
        let stay: Vec<&str> = stay.map(|r| r.content.as_str()).collect();
        assert_eq!(stay, wanted[wanted.len().saturating_sub(1)..]);
    }

    /// The one comment that answers, which is the last of the page where the
    /// newest command is.
    #[track_caller]
    fn answered(&self) -> String {
        let state = self.github.state();
        let comments = state.comments.iter();
        let asked = comments.clone().rfind(|c| c.author != JOB.1).unwrap();
        let page: Vec<&Comment> = comments.filter(|c| c.issue == asked.issue).collect();
        let is_answer = |c: &&&Comment| c.body.contains("id=shop/answer ");
        let all: Vec<&&Comment> = page.iter().filter(is_answer).collect();
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(page.last().unwrap().id, all[0].id);
        all[0].body.clone()
    }

    /// What the report of a run says.
    #[track_caller]
    fn tells(&self, word: &str) {
        let comment = self.comment();
        assert!(comment.contains(word), "`{word}` is not in: {comment}");
    }

    #[track_caller]
    fn answers(&self, words: &[&str]) {
        let answer = self.answered();
        for word in words {
            assert!(answer.contains(word), "`{word}` is not in: {answer}");
        }
    }

    /// Commit a revision on a branch of its own, with a configuration that would
    /// not work; its number for the pull request.
    fn push_branch(&self, revision: &str) -> String {
        self.checkout.git(&["checkout", "--quiet", "-B", "bread"]);
        self.checkout.commit(revision, "app: hostile\n");
        let head = self.checkout.head();
        self.checkout.git(&["checkout", "--quiet", "main"]);
        let mut state = self.github.state();
        let pull = &mut state.pulls[0];
        pull.is_merged = false;
        pull.merge_commit = None;
        pull.head.clone_from(&head);
        pull.commits = vec![head.clone()];
        head
    }

    fn passed(&self, commit: &str) {
        let status = json!({
            "context": "baepo", "state": "success", "description": "fine",
            "target_url": "https://github.com/acme/shop/actions/runs/77/attempts/2",
        });
        self.github
            .state()
            .statuses
            .push((commit.to_owned(), status));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_do_what_they_say_and_say_what_they_did() {
    let github = Fake::start().await;
    every_command(&github, &github.url());
}

/// All commands one after the other, as people say them.
pub(super) fn every_command(github: &Fake, api_url: &str) {
    let mut site = Site::new(github, api_url, 500);
    let install = config(&site, "hello", &quick());
    site.checkout.commit("v1", &install);
    site.belongs_to_pull();
    let permissions = [(PERSON.1.login, "write"), (STRANGER.login, "read")];
    for (login, permission) in permissions {
        github.state().permissions.insert(login.into(), permission);
    }
    site.job("push", &["run"]).shows(0, &[]);
    let said = "`/baepo rollback production`, `baepo status`".replace("`baepo", "`/baepo");
    assert!(site.comment().contains(&said), "{}", site.comment());
    said_in_words(&mut site);
    nobody_else(&mut site);
    locked(&mut site);
    held_and_promoted(&mut site);
    heard_by_a_live_run(&mut site);
    rolled_back(&mut site);
    approved(&mut site);
    deployed(&mut site);
    built_again(&mut site);
}

fn said_in_words(site: &mut Site<'_>) {
    site.say(PERSON.1, "Looks good.\n\n/baepo help")
        .shows(0, &[]);
    site.reacted(&["eyes", "rocket"]);
    site.answers(&[
        "🚀 What I understand",
        "| `/baepo deploy environment [commit]` |",
    ]);
    let done = site.say(PERSON.1, "/baepo status production");
    done.shows(0, &[]);
    assert_eq!(done.value("command"), "status");
    assert_eq!(done.value("environment"), "production");
    assert_eq!(done.value("outcome"), "succeeded");
    site.answers(&["serves", "2 of 2 ready"]);
    site.say(PERSON.1, "/baepo plan").shows(0, &[]);
    site.answers(&["Plan for production: canary"]);
    let done = site.say(PERSON.1, "/baepo promtoe");
    done.shows(0, &[]);
    assert_eq!(done.value("reason-code"), "not-understood");
    site.reacted(&["eyes", "confused"]);
    site.answers(&["😕", "Did you mean `/baepo promote`?"]);
    site.say(PERSON.1, "/baepo abort production").shows(0, &[]);
    site.reacted(&["eyes", "-1"]);
    site.answers(&["👎", "there is nothing to abort"]);
    // What is for nobody costs nothing.
    let before = site.requests();
    site.say(PERSON.1, "I like /baepo abort")
        .shows(0, &["nothing in this comment"]);
    site.say(OTHER_BOT, "/baepo abort")
        .shows(0, &["nobody asks"]);
    assert_eq!(site.requests(), before);
}

/// Who may not write is answered by a reaction alone.
fn nobody_else(site: &mut Site<'_>) {
    site.say(PERSON.1, "/baepo help").shows(0, &[]);
    let before = site.answered();
    for author in [
        STRANGER,
        Actor {
            login: "unknown",
            ..STRANGER
        },
    ] {
        let done = site.say(author, "/baepo abort");
        done.shows(0, &["not permitted: "]);
        assert_eq!(done.value("reason-code"), "not-permitted");
        site.reacted(&["eyes", "-1"]);
    }
    let state = site.github.state();
    let answers = state.comments.iter().filter(|c| c.body == before).count();
    assert_eq!(answers, 1, "no other answer was written");
    drop(state);
    // GitHub does not tell: then nobody may.
    let trouble = super::fake::Trouble::status(500, false);
    let path = "GET /repos/acme/shop/collaborators/baker/permission";
    site.github.state().troubles.push((path, trouble, 100));
    let mut job = site.comment_job(PULL, PERSON.1, "/baepo abort");
    let short =
        config(site, "hello", &quick()).replace("commands: {}", "commands: {}, patience: 1s");
    site.checkout.write("short.yml", &short);
    job.args(["--config", "short.yml"]);
    let output = job.output().unwrap();
    site.done(output).shows(0, &["cannot be told"]);
    site.github.state().troubles.clear();
    // Teams.
    let teams = short.replace("commands: {}", "commands: { teams: [operators] }");
    site.checkout.write("short.yml", &teams);
    let unread = "cannot be told; the token of a job may not read members";
    for (tells, refusal) in [
        (false, Some(unread)),
        (true, Some("is in none of the teams")),
        (true, None),
    ] {
        let mut state = site.github.state();
        state.tells_members = tells;
        state.members.clear();
        if refusal.is_none() {
            state
                .members
                .push(("operators".into(), PERSON.1.login.into()));
        }
        drop(state);
        let mut job = site.comment_job(PULL, PERSON.1, "/baepo help");
        job.args(["--config", "short.yml"]);
        let output = job.output().unwrap();
        let last = if refusal.is_some() { "-1" } else { "rocket" };
        site.reacted(&["eyes", last]);
        site.done(output).shows(0, refusal.as_slice());
    }
}

fn locked(site: &mut Site<'_>) {
    site.say(PERSON.1, "/baepo lock for 2h the database @moves")
        .shows(0, &[]);
    site.reacted(&["eyes", "rocket"]);
    site.answers(&[
        "production: locked by baker since",
        " until ",
        "the database @\u{2060}moves",
    ]);
    site.say(PERSON.1, "/baepo lock production").shows(0, &[]);
    site.reacted(&["eyes", "-1"]);
    site.answers(&["that one was kept"]);
    let next = config(site, "second", &quick());
    site.checkout.commit("v2", &next);
    site.belongs_to_pull();
    site.job("push", &["run"]).shows(8, &["locked by baker"]);
    site.tells("`/baepo unlock production`");
    site.say(PERSON.1, "/baepo unlock").shows(0, &[]);
    site.answers(&["unlocked; it was locked by baker"]);
    // A lock that has run out holds nothing.
    site.say(PERSON.1, "/baepo lock for 1ms").shows(0, &[]);
}

fn held_and_promoted(site: &mut Site<'_>) {
    let hold = quick().replace("bake: 1s", "bake: 1s, hold-at: [5%]");
    let next = config(site, "third", &hold);
    site.checkout.commit("v2", &next);
    site.belongs_to_pull();
    site.job("push", &["run", "--max-wait", "6s"]).shows(0, &[]);
    site.tells("`/baepo promote production`");
    site.say_at(PULL + 1, PERSON.1, "/baepo promote")
        .shows(0, &[]);
    site.reacted(&["eyes", "-1"]);
    site.answers(&["production rolls out pull request 12"]);
    let done = site.say(PERSON.1, "/baepo promote");
    done.shows(0, &["no run is alive"]);
    assert_eq!(done.value("outcome"), "succeeded");
    assert_eq!(done.value("reason-code"), "promoted");
    site.reacted(&["eyes", "rocket"]);
    site.tells("### 🟢 Live in production");
    assert_eq!(site.checkout.serves_wholly(), Some(site.checkout.head()));
}

/// A run that waits for a person hears what is said, and acts by itself.
fn heard_by_a_live_run(site: &mut Site<'_>) {
    let hold = quick().replace("bake: 1s", "bake: 1s, hold-at: [5%]");
    let next = config(site, "fourth", &hold);
    site.checkout.commit("v2", &next);
    site.belongs_to_pull();
    let run = site
        .command("push", &["run"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    site.checkout.wait_until("it holds", |checkout| {
        checkout.status()["state"]["rollout"]
            .to_string()
            .contains("holding")
    });
    // Back is said anywhere.
    site.say_at(PULL + 1, PERSON.1, "/baepo abort")
        .shows(0, &[]);
    site.answers(&["was heard by the run that holds the lease"]);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
}

fn rolled_back(site: &mut Site<'_>) {
    let before = site.checkout.status()["state"]["stable"]["revision"]["commit"].clone();
    let done = site.say(PERSON.1, "/baepo rollback");
    done.shows(0, &[]);
    site.reacted(&["eyes", "rocket"]);
    let after = site.checkout.status()["state"]["stable"]["revision"]["commit"].clone();
    assert_ne!(before, after);
    site.answers(&["production: succeeded"]);
    site.tells("### 🟢 Live in production");
}

fn approved(site: &mut Site<'_>) {
    let next = config(site, "approved", &(quick() + "    approve: true\n"));
    site.checkout.commit("v1", &next);
    site.belongs_to_pull();
    let done = site.job("push", &["run"]);
    done.shows(0, &[]);
    assert_eq!(done.value("reason-code"), "needs-approval");
    let comment = site.comment();
    for word in [
        "### 🟣 Needs approval in production",
        "`/baepo approve production`",
    ] {
        assert!(comment.contains(word), "{comment}");
    }
    // Nothing has happened meanwhile.
    site.job("schedule", &["run"]).shows(0, &[]);
    site.tells("### 🟣 Needs approval");
    site.say_at(PULL + 1, PERSON.1, "/baepo approve")
        .shows(0, &[]);
    site.reacted(&["eyes", "-1"]);
    site.say(STRANGER, "/baepo approve")
        .shows(0, &["not permitted"]);
    site.say(PERSON.1, "/baepo approve").shows(0, &[]);
    site.reacted(&["eyes", "rocket"]);
    site.tells("### 🟢 Live in production");
    assert_eq!(site.checkout.serves_wholly(), Some(site.checkout.head()));
}

/// The revision of a pull request by the configuration of the default branch.
fn deployed(site: &mut Site<'_>) {
    let next = config(site, "fifth", &quick());
    site.checkout.commit("v1", &next);
    site.belongs_to_pull();
    let head = site.push_branch("v2");
    site.say(PERSON.1, "/baepo deploy production").shows(0, &[]);
    site.reacted(&["eyes", "-1"]);
    site.answers(
        &["has no status `baepo` yet"]
            .map(|word| word.replace('`', "\\`"))
            .each_ref()
            .map(String::as_str),
    );
    site.passed(&head);
    site.say(PERSON.1, "/baepo deploy production 0123456")
        .shows(0, &[]);
    site.answers(&["not at 0123456"]);
    site.github.state().pulls[0].is_of_fork = true;
    site.say(PERSON.1, "/baepo deploy production").shows(0, &[]);
    site.answers(&["comes from a fork"]);
    site.github.state().pulls[0].is_of_fork = false;
    moved_meanwhile(site, &head);
    let said = format!("/baepo deploy production {}", &head[..10]);
    let done = site.say(PERSON.1, &said);
    done.shows(0, &[]);
    assert_eq!(done.value("reason-code"), "promoted");
    site.reacted(&["eyes", "rocket"]);
    assert_eq!(site.checkout.serves_wholly(), Some(head.clone()));
    let left = site.checkout.path().join(".baepo/checkouts").join(&head);
    assert!(!left.exists(), "the folder of the pull request goes away");
    let state = site.github.state();
    let newest = state.deployments.last().unwrap();
    assert_eq!(
        (newest.sha.as_str(), newest.state()),
        (head.as_str(), "success")
    );
}

/// Somebody pushes while it is built: it is not what was asked for any more.
fn moved_meanwhile(site: &mut Site<'_>, head: &str) {
    let before = site.checkout.serves_wholly();
    let slow = config(site, "fifth", &quick()).replace(
        "[cp, prebuilt, made/shop]",
        "[sh, -c, \"for i in $(seq 600); do test -e made/go && break; sleep 0.05; done; cp prebuilt made/shop\"]",
    );
    assert!(slow.contains("made/go"));
    site.checkout.write("slow.yml", &slow);
    let mut job = site.comment_job(PULL, PERSON.1, "/baepo deploy production");
    job.args(["--config", "slow.yml"]);
    let asked = site.github.state().count("GET /repos/acme/shop/pulls/12");
    let job = job.spawn().unwrap();
    let is_asked = within(std::time::Duration::from_secs(30), || {
        site.github.state().count("GET /repos/acme/shop/pulls/12") > asked
    });
    assert!(is_asked);
    site.github.state().pulls[0].head = "e".repeat(40);
    // Only now the build may end.
    let built = site
        .checkout
        .path()
        .join(".baepo/checkouts")
        .join(head)
        .join("made");
    let is_laid_out = within(std::time::Duration::from_secs(30), || built.is_dir());
    assert!(is_laid_out);
    std::fs::write(built.join("go"), "").unwrap();
    let output = job.wait_with_output().unwrap();
    let done = site.done(output);
    done.shows(0, &["has moved from"]);
    assert_eq!(done.value("outcome"), "refused");
    assert_eq!(site.checkout.serves_wholly(), before);
    site.reacted(&["eyes", "-1"]);
    site.github.state().pulls[0].head = head.to_owned();
}

fn built_again(site: &mut Site<'_>) {
    site.say(PERSON.1, "/baepo retry test").shows(0, &[]);
    site.reacted(&["eyes", "rocket"]);
    site.answers(&["run 77 builds and tests"]);
    assert_eq!(site.github.state().run_again, ["77"]);
}
