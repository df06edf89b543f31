use baepo_plugin::Revision;
use baepo_plugin::config;
use baepo_plugin::feedback::Signal;

use super::*;

const DAY: u64 = DAY_MS;

fn past(number: u64, outcome: &str, reason: &str) -> PastRollout {
    PastRollout {
        revision: Revision {
            commit: format!("{number:040x}"),
            ref_name: "main".into(),
            summary: String::new(),
            committed_at_ms: number * DAY - 7_200_000,
        },
        environment: "production".into(),
        outcome: outcome.into(),
        reason: reason.into(),
        started_at_ms: number * DAY,
        ended_at_ms: number * DAY + 3_600_000,
    }
}

fn said(kind: &str, author: &str, text: &str) -> Signal {
    Signal {
        kind: kind.into(),
        author: author.into(),
        text: text.into(),
        at_ms: 1,
    }
}

/// What it says of these rollouts, the newest first.
fn respond(rollouts: Vec<PastRollout>, signals: Vec<Signal>) -> Vec<Section> {
    let mut rollouts = rollouts.into_iter();
    let request = FeedbackRequest {
        config: String::new(),
        rollout: rollouts.next().unwrap(),
        signals,
        history: rollouts.collect(),
    };
    Digest::respond(config::parse("").unwrap(), &request).unwrap()
}

#[test]
fn where_all_went_well_and_nobody_spoke_there_is_nothing_to_say() {
    assert!(respond(vec![past(9, "succeeded", "")], vec![]).is_empty());
    // The first failure is in the report already.
    assert!(respond(vec![past(9, "rolled-back", "at 5 %: bad")], vec![]).is_empty());
}

#[test]
fn a_reason_that_came_again_is_told_once_with_its_count_and_share() {
    let sections = respond(
        vec![
            past(9, "rolled-back", "at 5 %: failures 3.1 %, limit 1 %"),
            past(8, "superseded", "a newer one came"),
            past(7, "rolled-back", "at 5 %: failures 12 %, limit 1 %"),
            past(6, "succeeded", ""),
            past(5, "rolled-back", "at 25 %: crashed"),
            past(4, "succeeded", ""),
        ],
        vec![],
    );
    assert_eq!(
        sections[0].title,
        "3 of the last 5 rollouts to production went wrong"
    );
    assert_eq!(
        sections[0].body,
        "- **twice**, each time at 5 %: failures 3.1 %, limit 1 % (the last time 0000000)\n\
         - **once** at 25 %: crashed (0000000)\n\n\
         **Next:** the same reason as before: find its cause first, because trying again would meet it again."
    );
}

#[test]
fn other_environments_are_not_counted() {
    let mut elsewhere = past(8, "rolled-back", "at 5 %: bad");
    elsewhere.environment = "staging".into();
    assert!(respond(vec![past(9, "succeeded", ""), elsewhere], vec![]).is_empty());
}

#[test]
fn measures_are_shown_once_there_are_enough() {
    let days = |count: u64| (0..count).map(|n| past(100 - n, "succeeded", "")).collect();
    assert!(respond(days(4), vec![]).is_empty());
    let sections = respond(days(8), vec![]);
    assert_eq!(sections[0].title, "How delivery goes, in the last 7 days");
    assert_eq!(
        sections[0].body,
        "| Measure | Value | From |\n|---|---|---|\n\
         | Deployment frequency | 7.0 a week | 8 live rollouts |\n\
         | Lead time | 3 h 0 m | 8 revisions |\n\
         | Change failure rate | 0 % | 8 changes |\n\
         | Time to restore | too few to say | 0 failures |\n"
    );
}

#[test]
fn what_people_said_is_counted_and_the_newest_is_shown() {
    let mut signals = vec![
        said("reaction", "baker", "👍"),
        said("reaction", "miller", "👎"),
        said("reaction", "tester", "👎"),
        said("issue", "user", "prices are\nwrong"),
        said("command", "baker", "/baepo status"),
    ];
    signals.extend((0..10).map(|n| said("comment", "baker", &format!("word {n}"))));
    let sections = respond(vec![past(9, "succeeded", "")], signals);
    assert_eq!(sections[0].title, "What people said");
    let body = &sections[0].body;
    assert!(
        body.starts_with(
            "Reactions: 👎 2 · 👍 1\n\n- **A regression was reported** by user: prices are wrong\n"
        ),
        "{body}"
    );
    assert!(
        body.contains("word 9")
            && !body.contains("word 1\n")
            && body.ends_with("- and 2 before them")
    );
    assert!(!body.contains("/baepo"));
}

#[test]
fn a_wrong_setting_is_said() {
    assert!(config::parse::<Digest>(r#"{"days": 0, "last": 0}"#).is_err());
}
