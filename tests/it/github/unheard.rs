//! What becomes of a rollout with no run there to tell of it is told by the next
//! run, where its beginning was told.

use super::Fake;
use super::job::{PULL, Site, quick};

/// The number of a pull request that comes later.
const LATER: u64 = PULL + 1;

/// A site where v1 serves and v2 waits at 5 %, with no run there.
fn left_alone<'a>(github: &'a Fake, run: u64, watchdog: &'static str) -> Site<'a> {
    let mut site = Site::watched(github, run, watchdog);
    site.merge("v1", "hello", &quick());
    site.job("push", &["run"]).shows(0, &[]);
    site.merge("v2", "hello", &quick());
    site.job("push", &["run", "--max-wait", "0s"]).shows(0, &[]);
    let comment = site.comment();
    assert!(comment.contains("### 🟡 Waiting at 5 %"), "{comment}");
    site
}

fn wait_for_the_watchdog(site: &Site<'_>) {
    site.checkout.wait_until("traffic is back", |checkout| {
        checkout.status()["state"]["rollout"]["step"]["step"] == "over"
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_watchdog_did_is_told_once_by_the_timer() {
    let github = Fake::start().await;
    let mut site = left_alone(&github, 760, "{ after-wait: 1s }");
    let commit = site.checkout.head();
    wait_for_the_watchdog(&site);
    assert_eq!(site.status_of(&commit, "baepo/production"), "pending");
    let deployments = github.state().deployments.len();
    github.state().pulls.clear();
    let done = site.job("schedule", &["run"]);
    let told = "comment ✅ · check ✅ · status ✅ · deployment ✅";
    done.shows(4, &[told, "no run came back by"]);
    assert_eq!(done.value("outcome"), "rolled-back");
    assert_eq!(done.value("reason-code"), "unwatched");
    let comment = site.comment();
    let headline = "### 🔴 Rolled back in production at 5 %: no run came back by";
    assert!(comment.contains(headline), "{comment}");
    assert_eq!(site.status_of(&commit, "baepo/production"), "failure");
    let state = github.state();
    assert_eq!(state.deployments.len(), deployments);
    assert_eq!(state.deployments.last().unwrap().state(), "failure");
    drop(state);
    let before = site.requests();
    site.job("schedule", &["run"])
        .shows(0, &["Nothing is on its way"]);
    assert_eq!(site.requests(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_watchdog_did_is_told_by_a_push_that_comes_before_the_timer() {
    let github = Fake::start().await;
    let mut site = left_alone(&github, 770, "{ after-wait: 1s }");
    let commit = site.checkout.head();
    wait_for_the_watchdog(&site);
    site.merge("v2", "later", &quick());
    site.belongs_to(LATER);
    let note = format!(
        "the rollout of {} ended while no run was there",
        &commit[..7]
    );
    let done = site.job("push", &["run"]);
    done.shows(0, &[&note]);
    let (before, now) = (site.comment(), site.comment_at(LATER));
    assert!(
        before.contains("### 🔴 Rolled back in production at 5 %: no run came back by"),
        "{before}"
    );
    assert!(now.contains("### 🟢 Live in production"), "{now}");
    assert!(now.contains(&note), "{now}");
    assert_eq!(site.status_of(&commit, "baepo/production"), "failure");
    let head = site.checkout.head();
    assert_eq!(site.status_of(&head, "baepo/production"), "success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rollout_that_waited_and_is_superseded_is_told_of_where_it_was_told() {
    let github = Fake::start().await;
    let mut site = left_alone(&github, 780, "{ after-wait: 1h }");
    let commit = site.checkout.head();
    site.merge("v2", "later", &quick());
    site.belongs_to(LATER);
    let done = site.job("push", &["run"]);
    done.shows(0, &["comment ✅ · check ✅ · status ✅ · deployment ✅"]);
    let (before, now) = (site.comment(), site.comment_at(LATER));
    assert!(
        before.contains("### 🔴 Rolled back in production at 5 %: superseded by"),
        "{before}"
    );
    assert!(now.contains("### 🟢 Live in production"), "{now}");
    assert_eq!(site.status_of(&commit, "baepo/production"), "failure");
    let states = github.state();
    let states: Vec<&str> = states.deployments.iter().map(|one| one.state()).collect();
    assert_eq!(states, ["inactive", "failure", "success"]);
}

/// Nobody reads an old story over a newer one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_comment_that_has_come_to_be_about_something_newer_stays() {
    let github = Fake::start().await;
    let mut site = left_alone(&github, 790, "{ after-wait: 1s }");
    let commit = site.checkout.head();
    wait_for_the_watchdog(&site);
    site.checkout.runs(&["lock"], 0, &[]);
    site.merge("v2", "later", &quick());
    site.job("push", &["run"]).shows(8, &[]);
    let newer = site.comment();
    assert!(newer.contains("### 🔒 "), "{newer}");
    let told = "comment ✅ · check ✅ · status ✅ · deployment ✅";
    site.job("schedule", &["run"]).shows(4, &[told]);
    assert_eq!(site.comment(), newer);
    assert_eq!(site.status_of(&commit, "baepo/production"), "failure");
}
