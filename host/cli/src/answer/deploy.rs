//! `/baepo deploy` and `/baepo retry`: the revision of a pull request, rolled
//! out by the configuration and the plugins of the branch that is trusted.

use std::rc::Rc;

use baepo_core::time::Millis;
use baepo_runtime::clock::now;

use super::checkout::Checkout;
use super::desk::{Desk, Pull};
use super::reply::Answer;
use crate::config::{Config, Environment};
use crate::github::event::{Reach, Trigger};
use crate::operate::{self, Came};
use crate::plugins::Plugins;
use crate::run::{self, Built, Objection, RunOptions, Work};
use crate::show::Show;

/// The status that a run puts at a commit whose build and tests it has seen
/// through.
const STATUS: &str = "baepo";

/// What is to be rolled out.
pub(super) struct Wanted<'a> {
    pub(super) config: &'a Config,
    pub(super) environment: &'a Environment,
    /// The beginning of the commit, where it was said.
    pub(super) commit: Option<&'a str>,
    /// Roll it out although it was rolled back before.
    pub(super) retry: bool,
}

/// Roll the pull request out.
pub(super) async fn deploy(
    desk: &Rc<Desk>,
    wanted: Wanted<'_>,
    show: &Show,
) -> anyhow::Result<Answer> {
    let Wanted {
        config,
        environment,
        ..
    } = wanted;
    let pull = desk.pull().await?;
    let commit = match deployable(&pull, &desk.place.repository) {
        Ok(commit) => commit.to_owned(),
        Err(why) => return Ok(Answer::refused(why)),
    };
    let short = commit.get(..7).unwrap_or(&commit).to_owned();
    if let Some(said) = wanted.commit
        && !commit.starts_with(said)
    {
        return Ok(Answer::refused(&format!(
            "nothing was rolled out: this pull request is at {short}, not at {said}"
        )));
    }
    if let Some(why) = unready(desk, config, &pull, &commit).await? {
        return Ok(Answer::refused(&why));
    }
    for needed in &environment.needs {
        if let Some(why) = out_of_order(config, environment, needed, &commit).await? {
            return Ok(Answer::refused(&why));
        }
    }
    let root = crate::root()?;
    let token = crate::outside::secret("GITHUB_TOKEN");
    let checkout = Checkout::of(&root, &commit, token.as_ref())?;
    let mut revision = crate::revision::of_checkout(checkout.path())?;
    let number = desk.asked.pull_request;
    revision.ref_name = format!("refs/pull/{number}/head");
    let plugins = Plugins::load(config.clone(), &root).await?;
    let work = Work::Revision {
        retry: wanted.retry,
        is_asked_for: true,
        built: Built::Here,
    };
    let environments = vec![environment.name.clone()];
    let mut trigger = Trigger {
        event: "issue_comment".into(),
        reach: Reach::Deploy,
        pull_request: Some(number),
        base: None,
        environment: None,
    };
    let mut place = desk.place.clone();
    place.head.clone_from(&commit);
    let told = run::github::wanted(config, &environments, &trigger, &work);
    let teller = run::github::teller(config, Some(place), told, &mut trigger, show).await;
    let options = RunOptions {
        root: checkout.path().to_owned(),
        environments,
        teller,
        objection: Some(objection(desk, commit)),
        ..run::options(root, revision, trigger, work)
    };
    let began = now();
    let report = run::perform(options, &plugins, show).await?;
    let took = Millis(now().since(began).0 / 1000 * 1000);
    let said = match &report.ended {
        Some(end) => format!(
            "{}: {} of {short} after {took}: {}",
            environment.name, end.outcome, end.reason
        ),
        None => format!("{}: the run of {short} did not end", environment.name),
    };
    Ok(Answer::of(&Came {
        exit: run::exit_of(&report),
        said,
        has_run: true,
    }))
}

/// Build and test again: what failed in the run that its status points to.
pub(super) async fn build_again(desk: &Desk) -> anyhow::Result<Answer> {
    let pull = desk.pull().await?;
    let commit = &pull.head.sha;
    let status = desk.status(commit, STATUS).await?;
    let run = status.and_then(|status| run_of(&status.target_url?));
    let short = commit.get(..7).unwrap_or(commit);
    let Some(run) = run else {
        return Ok(Answer::refused(&format!(
            "no run of {short} is known that could be run again; start its workflow by hand, or \
             say which environment to roll out to: /baepo retry ENVIRONMENT"
        )));
    };
    match desk.rerun(run).await {
        Ok(()) => Ok(Answer::done(format!(
            "run {run} builds and tests `{short}` again."
        ))),
        Err(error) => Ok(Answer::refused(&format!(
            "run {run} was not started again: {error}"
        ))),
    }
}

/// The number in `https://github.com/acme/shop/actions/runs/12/attempts/1`.
fn run_of(url: &str) -> Option<u64> {
    let (_, rest) = url.split_once("/actions/runs/")?;
    rest.split('/').next()?.parse().ok()
}

/// The commit of a pull request that may be rolled out.
fn deployable<'a>(pull: &'a Pull, repository: &str) -> Result<&'a str, &'static str> {
    if pull.merged {
        let commit = pull.merge_commit_sha.as_deref();
        return commit.ok_or("GitHub does not say which commit the merge has made");
    }
    if pull.state != "open" {
        return Err("this pull request was closed and not merged");
    }
    let repo = pull.head.repo.as_ref();
    match repo.is_some_and(|repo| repo.full_name.eq_ignore_ascii_case(repository)) {
        true => Ok(&pull.head.sha),
        false => Err(
            "this pull request comes from a fork: its code is not built where secrets are; merge \
             it, or push its branch to this repository",
        ),
    }
}

/// Why a commit is not ready: no run has seen its build and tests through.
async fn unready(
    desk: &Desk,
    config: &Config,
    pull: &Pull,
    commit: &str,
) -> anyhow::Result<Option<String>> {
    if pull.merged || !config.github.status {
        return Ok(None);
    }
    let status = desk.status(commit, STATUS).await?;
    let state = status.map(|status| status.state);
    let short = commit.get(..7).unwrap_or(commit);
    Ok(match state.as_deref() {
        Some("success") => None,
        Some(state) => Some(format!(
            "nothing was rolled out: the status `{STATUS}` of {short} is {state}, and must be success"
        )),
        None => Some(format!(
            "nothing was rolled out: {short} has no status `{STATUS}` yet; wait for its run"
        )),
    })
}

/// Why an environment's turn has not come: one that it needs serves something
/// else.
async fn out_of_order(
    config: &Config,
    environment: &Environment,
    needed: &str,
    commit: &str,
) -> anyhow::Result<Option<String>> {
    let Some(before) = config.environment(needed) else {
        return Ok(None);
    };
    let at = operate::at(config, before).await?;
    let (_, state) = baepo_runtime::driver::load(&*at.target).await?;
    let why = run::not_its_turn(&environment.name, needed, &state.environment, commit);
    Ok(why.map(|why| format!("nothing was rolled out: {why}; say first: /baepo deploy {needed}")))
}

/// Building and testing takes a while: what was asked for is not what is there
/// any more where the pull request has moved.
fn objection(desk: &Rc<Desk>, commit: String) -> Objection {
    let desk = Rc::clone(desk);
    Box::new(move || {
        let (desk, commit) = (Rc::clone(&desk), commit.clone());
        Box::pin(async move {
            let short = commit.get(..7).unwrap_or(&commit);
            match desk.pull().await {
                Ok(pull) => match deployable(&pull, &desk.place.repository) {
                    Ok(now) if now == commit => None,
                    Ok(now) => Some(format!(
                        "the pull request has moved from {short} to {} meanwhile",
                        now.get(..7).unwrap_or(now)
                    )),
                    Err(why) => Some(why.to_owned()),
                },
                Err(error) => Some(format!(
                    "whether the pull request is still at {short} cannot be told: {error}"
                )),
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::desk::{Head, Repository};
    use super::*;

    fn pull(state: &str, merged: bool, from: &str) -> Pull {
        Pull {
            state: state.into(),
            merged,
            merge_commit_sha: Some("m".into()),
            head: Head {
                sha: "h".into(),
                repo: Some(Repository {
                    full_name: from.into(),
                }),
            },
        }
    }

    #[test]
    fn the_code_of_strangers_is_not_deployed() {
        let may = |pull: &Pull| deployable(pull, "acme/shop").map(str::to_owned).ok();
        assert_eq!(may(&pull("open", false, "Acme/shop")).as_deref(), Some("h"));
        assert_eq!(may(&pull("open", false, "evil/shop")), None);
        assert_eq!(may(&pull("closed", false, "acme/shop")), None);
        assert_eq!(
            may(&pull("closed", true, "evil/shop")).as_deref(),
            Some("m")
        );
        let mut deleted = pull("open", false, "");
        deleted.head.repo = None;
        assert_eq!(may(&deleted), None);
    }

    #[test]
    fn a_status_points_to_its_run() {
        let url = "https://github.com/acme/shop/actions/runs/12/attempts/1";
        assert_eq!(run_of(url), Some(12));
        assert_eq!(run_of("https://github.com/acme/shop/runs/12"), None);
    }
}
