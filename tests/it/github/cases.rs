//! Whole runs of every kind, one job after the other, as GitHub sees them.

use super::Fake;
use super::job::{CANARY, Site, quick};
use crate::life::said;

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
    let comment = site.comment();
    for wanted in [
        "### 🔴 Build failed: \\`cp absent out/shop\\` ended with exit code 1",
        "cp: cannot stat 'absent': No such file or directory\n```",
    ] {
        assert!(comment.contains(wanted), "{wanted}: {comment}");
    }
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
