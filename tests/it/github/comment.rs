//! One comment: found wherever it is, never two, never older than it was.

use baepo::github::comment::{Marker, Sticky, Written};
use baepo::github::place::Turn;

use super::fake::{Actor, Comment, JOB, OTHER_BOT, PERSON, State, Trouble};
use super::{Client, Fake, place};

const PULL: u64 = 12;

fn marked(run: u64, attempt: u32, text: &str) -> String {
    let marker = Marker::of("shop", Turn { run, attempt }, text);
    format!("{marker}\n{text}")
}

async fn write(github: &Fake, run: u64, attempt: u32, text: &str) -> Written {
    let client = Client::of_job(github);
    let place = place(run, attempt);
    let mut comment = Sticky::new(&client.api, &place, PULL, "shop");
    comment.write(text).await.unwrap()
}

/// The bodies of what this author wrote under the marker of the shop.
fn bodies(state: &State, author: Actor) -> Vec<String> {
    let ours = state.comments.iter().filter(|c| c.author == author);
    ours.map(|c| c.body.clone())
        .filter(|body| body.starts_with("<!-- baepo"))
        .collect()
}

#[tokio::test]
async fn the_first_write_makes_a_comment_and_later_ones_edit_it() {
    let github = Fake::start().await;
    let client = Client::of_job(&github);
    let place = place(5, 1);
    let mut comment = Sticky::new(&client.api, &place, PULL, "shop");
    let Written::Created(id) = comment.write("begun").await.unwrap() else {
        panic!("it was not made")
    };
    assert_eq!(comment.write("ended").await.unwrap(), Written::Updated(id));
    assert_eq!(bodies(&github.state(), JOB.1), [marked(5, 1, "ended")]);
    assert_eq!(
        github
            .state()
            .count("POST /repos/acme/shop/issues/12/comments"),
        1
    );
}

#[tokio::test]
async fn it_is_found_on_the_fourth_page_among_the_comments_of_others() {
    let github = Fake::start().await;
    for number in 0..320 {
        github
            .state()
            .say(PULL, PERSON.1, &format!("number {number}"));
    }
    let ours = github.state().say(PULL, JOB.1, &marked(4, 1, "old"));
    github.state().say(PULL, PERSON.1, "after it");
    assert_eq!(write(&github, 5, 1, "new").await, Written::Updated(ours));
    assert_eq!(
        github
            .state()
            .count("GET /repos/acme/shop/issues/12/comments"),
        4
    );
    assert_eq!(bodies(&github.state(), JOB.1), [marked(5, 1, "new")]);
}

#[tokio::test]
async fn a_marker_that_somebody_else_wrote_counts_for_nothing() {
    let github = Fake::start().await;
    let theirs = marked(99, 1, "trust me");
    github.state().say(PULL, PERSON.1, &theirs);
    github.state().say(PULL, OTHER_BOT, &theirs);
    assert!(matches!(
        write(&github, 5, 1, "ours").await,
        Written::Created(_)
    ));
    let state = github.state();
    assert_eq!(bodies(&state, PERSON.1), std::slice::from_ref(&theirs));
    assert_eq!(bodies(&state, OTHER_BOT), [theirs]);
    assert_eq!(bodies(&state, JOB.1), [marked(5, 1, "ours")]);
}

#[tokio::test]
async fn where_nobody_says_who_the_token_is_a_person_is_still_not_taken_for_it() {
    let github = Fake::start().await;
    github.state().hides_viewer = true;
    github
        .state()
        .say(PULL, PERSON.1, &marked(99, 1, "trust me"));
    let ours = github.state().say(PULL, JOB.1, &marked(4, 1, "old"));
    assert_eq!(write(&github, 5, 1, "new").await, Written::Updated(ours));
}

#[tokio::test]
async fn the_comment_of_another_application_or_job_is_another_comment() {
    let github = Fake::start().await;
    let marker = Marker::of("shop/staging", Turn { run: 4, attempt: 1 }, "x");
    github.state().say(PULL, JOB.1, &format!("{marker}\nx"));
    github
        .state()
        .say(PULL + 1, JOB.1, &marked(4, 1, "of another pull request"));
    assert!(matches!(
        write(&github, 5, 1, "new").await,
        Written::Created(_)
    ));
    assert_eq!(bodies(&github.state(), JOB.1).len(), 3);
}

#[tokio::test]
async fn of_two_jobs_that_both_find_none_one_comment_is_left() {
    let github = Fake::start().await;
    github.state().race = Some(Comment {
        id: 0,
        issue: PULL,
        author: JOB.1,
        body: marked(4, 1, "the other job"),
    });
    assert!(matches!(
        write(&github, 5, 1, "this job").await,
        Written::Updated(_)
    ));
    assert_eq!(bodies(&github.state(), JOB.1), [marked(5, 1, "this job")]);
}

#[tokio::test]
async fn two_that_were_left_by_a_job_that_was_killed_become_one() {
    let github = Fake::start().await;
    let first = github.state().say(PULL, JOB.1, &marked(4, 1, "first"));
    github.state().say(PULL, JOB.1, &marked(4, 2, "second"));
    assert_eq!(write(&github, 5, 1, "new").await, Written::Updated(first));
    assert_eq!(bodies(&github.state(), JOB.1), [marked(5, 1, "new")]);
}

#[tokio::test]
async fn one_that_was_deleted_meanwhile_is_made_again() {
    let github = Fake::start().await;
    let client = Client::of_job(&github);
    let place = place(5, 1);
    let mut comment = Sticky::new(&client.api, &place, PULL, "shop");
    comment.write("begun").await.unwrap();
    github.state().comments.clear();
    assert!(matches!(
        comment.write("ended").await.unwrap(),
        Written::Created(_)
    ));
    assert_eq!(bodies(&github.state(), JOB.1), [marked(5, 1, "ended")]);
    // Between the look and the edit.
    let gone = Trouble::status(404, false);
    github.state().troubles.push(("PATCH ", gone, 1));
    assert!(matches!(
        comment.write("again").await.unwrap(),
        Written::Updated(_)
    ));
    assert_eq!(bodies(&github.state(), JOB.1), [marked(5, 1, "again")]);
}

#[tokio::test]
async fn what_says_the_same_is_not_written() {
    let github = Fake::start().await;
    let there = github.state().say(PULL, JOB.1, &marked(5, 1, "same"));
    assert_eq!(
        write(&github, 5, 1, "same").await,
        Written::Unchanged(there)
    );
    assert_eq!(github.state().count("PATCH "), 0);
}

#[tokio::test]
async fn an_older_run_or_attempt_does_not_overwrite_a_newer() {
    let github = Fake::start().await;
    let there = github.state().say(PULL, JOB.1, &marked(9, 2, "newest"));
    assert_eq!(write(&github, 8, 5, "old run").await, Written::Newer(there));
    assert_eq!(
        write(&github, 9, 1, "old attempt").await,
        Written::Newer(there)
    );
    assert_eq!(bodies(&github.state(), JOB.1), [marked(9, 2, "newest")]);
    assert_eq!(
        write(&github, 9, 3, "newer attempt").await,
        Written::Updated(there)
    );
    // Also where the older one knows its comment already.
    let client = Client::of_job(&github);
    let (old, new) = (place(10, 1), place(11, 1));
    let mut late = Sticky::new(&client.api, &old, PULL, "shop");
    late.write("going on").await.unwrap();
    let mut next = Sticky::new(&client.api, &new, PULL, "shop");
    next.write("newest").await.unwrap();
    assert_eq!(late.write("late").await.unwrap(), Written::Newer(there));
    assert_eq!(bodies(&github.state(), JOB.1), [marked(11, 1, "newest")]);
}

#[tokio::test]
async fn a_comment_of_a_person_s_token_is_found_again() {
    let github = Fake::start().await;
    let client = Client::with(&github.url(), PERSON.0, baepo::github::api::PATIENCE);
    github.state().hides_viewer = true;
    let place = place(5, 1);
    for text in ["begun", "ended"] {
        // A run of its own each time, which knows nothing.
        let mut comment = Sticky::new(&client.api, &place, PULL, "shop");
        comment.write(text).await.unwrap();
    }
    assert_eq!(bodies(&github.state(), PERSON.1), [marked(5, 1, "ended")]);
}
