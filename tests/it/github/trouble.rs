//! GitHub makes trouble: never twice the same, never waited for too long, and
//! it is said why.

use std::time::Duration;

use baepo::github::api::{ApiError, Obstacle};
use baepo::github::check::{Check, Conclusion, Page};
use baepo::github::comment::Sticky;
use baepo::github::deployment::{self, Deployed, Deployment};
use baepo::github::status;

use super::fake::Trouble;
use super::{Client, Fake, HEAD, place};

const COMMENTS: &str = "POST /repos/acme/shop/issues/1/comments";

async fn comment(client: &Client) -> Result<(), ApiError> {
    let place = place(5, 1);
    let mut comment = Sticky::new(&client.api, &place, 1, "shop");
    comment.write("text").await.map(drop)
}

#[tokio::test]
async fn a_comment_whose_answer_got_lost_is_not_made_twice() {
    let lost = [
        Trouble::status(500, true),
        Trouble::status(502, true),
        Trouble::Cut { is_done: true },
    ];
    for trouble in lost {
        let github = Fake::start().await;
        github.state().troubles.push((COMMENTS, trouble.clone(), 2));
        comment(&Client::of_job(&github)).await.unwrap();
        let state = github.state();
        assert_eq!(
            (state.comments.len(), state.count(COMMENTS)),
            (1, 1),
            "{trouble:?}"
        );
    }
}

#[tokio::test]
async fn a_comment_that_was_not_made_is_sent_again() {
    for trouble in [Trouble::status(503, false), Trouble::Cut { is_done: false }] {
        let github = Fake::start().await;
        github.state().troubles.push((COMMENTS, trouble, 2));
        let client = Client::of_job(&github);
        comment(&client).await.unwrap();
        assert_eq!(github.state().comments.len(), 1);
        // Half a second to one, one to two.
        let waits = client.waits();
        assert_eq!(
            waits,
            [Duration::from_millis(750), Duration::from_millis(1500)]
        );
    }
}

#[tokio::test]
async fn check_status_and_deployment_are_not_made_twice_either() {
    for is_done in [true, false] {
        for trouble in [Trouble::status(500, is_done), Trouble::Cut { is_done }] {
            let github = Fake::start().await;
            for beginning in [
                "POST /repos/acme/shop/check-runs",
                "POST /repos/acme/shop/statuses/",
                "POST /repos/acme/shop/deployments",
                "PATCH /repos/acme/shop/check-runs/",
            ] {
                github
                    .state()
                    .troubles
                    .push((beginning, trouble.clone(), 1));
            }
            let client = Client::of_job(&github);
            all_but_the_comment(&client).await;
            let state = github.state();
            assert_eq!(state.checks.len(), 1, "{trouble:?}");
            assert_eq!(state.checks[0].annotations.len(), 1, "{trouble:?}");
            assert_eq!(state.statuses.len(), 1, "{trouble:?}");
            assert_eq!(state.deployments.len(), 1, "{trouble:?}");
            assert_eq!(state.deployments[0].statuses.len(), 1, "{trouble:?}");
        }
    }
}

async fn all_but_the_comment(client: &Client) {
    let api = &client.api;
    let mut check = Check::new(api, place(5, 1), "shop");
    let page = Page {
        title: "title".into(),
        summary: "summary".into(),
    };
    check.show(&page).await.unwrap();
    let remark = super::surfaces::remark(1, baepo_core::verdict::Level::Warning);
    check
        .end(&page, Conclusion::Success, &[remark])
        .await
        .unwrap();
    status::set(api, &place(5, 1), "baepo", status::State::Success, "fine")
        .await
        .unwrap();
    let deployed = Deployed {
        environment: "production".into(),
        commit: HEAD.into(),
        release: "sha256:ab".into(),
        url: None,
        is_transient: false,
    };
    let mut deployment = Deployment::new(api, place(5, 1), deployed);
    deployment
        .say(deployment::State::InProgress, "canary goes on")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_limit_is_waited_for_as_long_as_github_says() {
    let then = (1_800_000_000 + 41).to_string();
    let cases = [
        (Trouble::limited(429, &[("retry-after", "7")]), 7),
        (Trouble::limited(403, &[("retry-after", "3")]), 3),
        (Trouble::limited(403, &[]), 60),
        (Trouble::limited(429, &[]), 60),
        (
            Trouble::limited(
                403,
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &then)],
            ),
            42,
        ),
    ];
    for (trouble, seconds) in cases {
        let github = Fake::start().await;
        github.state().troubles.push((COMMENTS, trouble.clone(), 1));
        let client = Client::of_job(&github);
        comment(&client).await.unwrap();
        assert_eq!(
            client.waits(),
            [Duration::from_secs(seconds)],
            "{trouble:?}"
        );
        assert_eq!(github.state().comments.len(), 1);
    }
}

#[tokio::test]
async fn longer_than_the_run_may_wait_is_given_up_at_once_and_nothing_more_is_asked() {
    let github = Fake::start().await;
    let hour = Trouble::limited(403, &[("retry-after", "3600")]);
    github.state().troubles.push(("GET ", hour, 9));
    let client = Client::of_job(&github);
    let error = comment(&client).await.unwrap_err();
    let why = Obstacle::Limited(Duration::from_secs(3600));
    assert_eq!(
        error,
        ApiError::GivenUp {
            why,
            waited: Duration::ZERO
        }
    );
    assert_eq!(
        error.to_string(),
        "given up after 0 s of waiting: too many requests, to be sent again in 3600 s"
    );
    assert_eq!(comment(&client).await.unwrap_err(), error);
    assert_eq!(github.state().requests.len(), 1);
}

#[tokio::test]
async fn all_waiting_of_a_run_together_is_bounded() {
    let github = Fake::start().await;
    let limited = Trouble::limited(429, &[("retry-after", "50")]);
    github.state().troubles.push(("GET ", limited, 99));
    let client = Client::of_job(&github);
    for _ in 0..5 {
        assert!(matches!(
            comment(&client).await,
            Err(ApiError::GivenUp { .. })
        ));
    }
    let waited: Duration = client.waits().iter().sum();
    assert_eq!(waited, Duration::from_secs(100));
}

#[tokio::test]
async fn a_server_that_stays_broken_is_given_up_and_asked_again_later() {
    let github = Fake::start().await;
    github
        .state()
        .troubles
        .push(("GET ", Trouble::status(502, false), 4));
    let client = Client::of_job(&github);
    let error = comment(&client).await.unwrap_err();
    assert!(error.to_string().ends_with("GitHub answers 502"), "{error}");
    assert_eq!(github.state().requests.len(), 4);
    // At once it is not asked again.
    assert!(comment(&client).await.is_err());
    assert_eq!(github.state().requests.len(), 4);
}

#[tokio::test]
async fn nobody_who_answers_is_given_up_with_a_reason() {
    let client = Client::with(
        "http://127.0.0.1:9",
        super::fake::JOB.0,
        Duration::from_secs(120),
    );
    let error = comment(&client).await.unwrap_err().to_string();
    assert!(
        error.contains("no answer: ") && error.contains("refused"),
        "{error}"
    );
    assert!(!error.contains(super::fake::JOB.0));
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_and_not_asked_for_again() {
    let github = Fake::start().await;
    github.state().is_read_only = true;
    let client = Client::of_job(&github);
    let error = comment(&client).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token may not do that, it would need pull_requests=write: Resource not accessible by integration"
    );
    assert_eq!(github.state().count(COMMENTS), 1);
    assert_eq!(client.waits(), Vec::<Duration>::new());
}
