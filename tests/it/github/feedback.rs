//! What people said, read and shown.

use baepo::github::api::ApiError;
use baepo::github::feedback::{Asked, collect};

use super::fake::{Actor, Comment, Issue, OTHER_BOT, PERSON, Reaction, State, Trouble};
use super::job::{PULL, Site};
use super::{Client, Fake, place};

const MILLER: Actor = Actor {
    id: 8,
    login: "miller",
    is_bot: false,
};

const HOSTILE: &str = "</details><script>x</script> @acme/team #99 ![p](https://x.y/p.png)\n\
                       ::error::from a reply\n<!-- baepo -->";

/// Our comment, and what people and bots answer.
fn said(state: &mut State, comment: u64) {
    let reactions = [
        (PERSON.1, "+1"),
        (OTHER_BOT, "+1"),
        (MILLER, "-1"),
        (MILLER, "heart"),
    ];
    for (actor, content) in reactions {
        let id = state.id();
        let content = content.to_owned();
        state.reactions.push(Reaction {
            id,
            comment,
            content,
            actor,
        });
    }
    let replies = [
        (MILLER, format!("{HOSTILE} {}", "x".repeat(60_000))),
        (PERSON.1, "/baepo status".to_owned()),
        (OTHER_BOT, "coverage is 80 %".to_owned()),
    ];
    for (author, body) in replies {
        let id = state.id();
        state.comments.push(Comment {
            id,
            issue: PULL,
            author,
            body,
        });
    }
    for (number, label) in [(77, "Regression"), (78, "question")] {
        state.issues.push(Issue {
            number,
            mentions: PULL,
            title: format!("Prices are wrong @baker {number}"),
            label,
        });
    }
}

fn ours(state: &mut State) -> u64 {
    let id = state.id();
    let body = "the report".to_owned();
    let author = super::fake::JOB.1;
    state.comments.push(Comment {
        id,
        issue: PULL,
        author,
        body,
    });
    id
}

#[tokio::test]
async fn reactions_replies_and_regressions_are_read_of_people_alone() {
    let github = Fake::start().await;
    let labels = ["regression".to_owned()];
    let comment = {
        let mut state = github.state();
        // What was said before the report is no answer to it.
        let id = state.id();
        let body = "looks good".to_owned();
        state.comments.push(Comment {
            id,
            issue: PULL,
            author: MILLER,
            body,
        });
        let comment = ours(&mut state);
        said(&mut state, comment);
        comment
    };
    let client = Client::of_job(&github);
    let asked = Asked {
        pull_request: PULL,
        comment: Some(comment),
        labels: &labels,
    };
    let (signals, result) = collect(&client.api, &place(5, 1), &asked).await;
    assert_eq!(result, Ok(()));
    let mut told: Vec<(&str, &str)> = signals
        .iter()
        .map(|signal| (signal.kind.as_str(), signal.author.as_str()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("command", "baker"),
            ("comment", "miller"),
            ("issue", "baker"),
            ("reaction", "baker"),
            ("reaction", "miller"),
            ("reaction", "miller"),
        ]
    );
    assert!(
        signals
            .iter()
            .all(|signal| signal.text.chars().count() <= 1_000)
    );
    assert!(signals.iter().any(|signal| signal.text.starts_with("#77 ")));
    assert_eq!(github.state().requests.len(), 3);
}

#[tokio::test]
async fn what_may_not_be_read_is_said_and_the_rest_is_read() {
    let github = Fake::start().await;
    let labels = ["regression".to_owned()];
    let comment = {
        let mut state = github.state();
        let comment = ours(&mut state);
        said(&mut state, comment);
        let path = "GET /repos/acme/shop/issues/12/timeline";
        state.troubles.push((path, Trouble::status(403, false), 1));
        comment
    };
    let client = Client::of_job(&github);
    let asked = Asked {
        pull_request: PULL,
        comment: Some(comment),
        labels: &labels,
    };
    let (signals, result) = collect(&client.api, &place(5, 1), &asked).await;
    assert!(
        matches!(result, Err(ApiError::Forbidden { .. })),
        "{result:?}"
    );
    assert_eq!(signals.len(), 5);
}

/// A run whose report has what people said and what went wrong before,
/// although its checkout has no history. The comment, which is not the only
/// one any more.
pub(super) fn heard(site: &mut Site<'_>) -> String {
    let github = site.github;
    site.merge("v2", "seventh", &super::job::quick());
    std::fs::remove_dir_all(site.checkout.path().join(".baepo/journal")).unwrap();
    let comment = {
        let mut state = github.state();
        let of_pull = state.comments.iter().find(|comment| comment.issue == PULL);
        let comment = of_pull.unwrap().id;
        said(&mut state, comment);
        comment
    };
    let done = site.job("push", &["run"]);
    done.shows(0, &["comment ✅", "What people said"]);
    for line in done.log().lines() {
        assert!(!line.trim_start().starts_with("::error::"), "{line}");
    }
    let state = github.state();
    let page = state.comments.iter().find(|one| one.id == comment).unwrap();
    let wanted = [
        "<details><summary>What people said</summary>",
        "👍 1",
        "👎 1",
        "**A regression was reported** by baker",
        "- miller: ",
        "rollouts to production went wrong</summary>",
        "**Next:** ",
    ];
    for wanted in wanted {
        assert!(page.body.contains(wanted), "{wanted}: {}", page.body);
    }
    for bad in [
        "<script>",
        "@acme",
        "@baker",
        "#99",
        "](https://x.y",
        "coverage is",
    ] {
        assert!(!page.body.contains(bad), "{bad}: {}", page.body);
    }
    let report = done.value("result");
    assert!(report.contains(r#""feedback":[{"environment":"production","plugin":"digest""#));
    drop(state);
    measures_are_told(site);
    done.summary
}

/// Of all rollouts that the target remembers: there is one journal.
fn measures_are_told(site: &Site<'_>) {
    let output = site
        .checkout
        .run(&["history", "--dora", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let production = &told["environments"][0];
    assert_eq!(production["environment"], "production", "{told}");
    let rate = &production["change-failure-rate"];
    assert!(rate["samples"].as_u64() >= Some(5), "{told}");
    let share = rate["value"].as_f64().unwrap();
    assert!(share > 0.0 && share < 1.0, "{told}");
    // All of it was within minutes.
    assert!(
        production["deployment-frequency"]["value"].is_null(),
        "{told}"
    );
    let words = crate::life::said(&site.checkout.run(&["history", "--dora"]));
    assert!(
        words.contains("Deployment frequency   too few to say"),
        "{words}"
    );
}
