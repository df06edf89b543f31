//! `baepo answer`: what a comment at a pull request asks for, done and answered.
//!
//! The comment is acknowledged by a reaction before anything else is asked,
//! because somebody waits. Whoever wrote it must be permitted. What moves users
//! to a candidate is said at the pull request that the candidate came from; what
//! moves them back can be said at any.

mod asker;
mod checkout;
mod deploy;
mod desk;
mod reply;
mod spoken;

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::bail;
use baepo_core::rollout::Command;
use baepo_runtime::target::TargetError;
use clap::Args;

use crate::config::{Config, Environment};
use crate::exit::Exit;
use crate::github::output;
use crate::github::place::Place;
use crate::operate::{self, At};
use crate::plugins::Plugins;
use crate::render::markdown;
use crate::render::terminal::Paint;
use crate::run::{self, payload, variable};
use crate::show::Show;

use desk::{Asked, Desk};
use reply::{Answer, Mark};
use spoken::{Order, Verb};

/// Do what a comment at a pull request asks for, and answer it.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The configuration (.github/baepo.yml, else baepo.yml).
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Answer.
///
/// # Errors
/// If this is no job of GitHub.
pub(crate) async fn answer(args: AnswerArgs) -> anyhow::Result<Exit> {
    let show = Show::new(false);
    let payload = payload();
    let event = variable("GITHUB_EVENT_NAME");
    let Some(asked) = Asked::of(event.as_deref(), &payload) else {
        show.line("this event is no new comment of a person at a pull request: nobody asks");
        return Ok(Exit::Success);
    };
    let root = crate::root()?;
    if let Some(exit) = crate::refuse_untrusted(&root) {
        return Ok(exit);
    }
    let config = match crate::config::load(&root, args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(crate::refuse_config(&error)),
    };
    let environments = config.environments.iter();
    let names: Vec<&str> = environments.map(|e| e.name.as_str()).collect();
    let Some((line, order)) = spoken::heard(&asked.body, &names) else {
        show.line("nothing in this comment is for baepo");
        return Ok(Exit::Success);
    };
    let Some(place) = Place::of(&variable, &payload) else {
        bail!("this is no job of GitHub: it does not say which repository it is for");
    };
    let Some(api) = run::github::client(&config, &show) else {
        bail!("comments are answered with the token of the job: give the step GITHUB_TOKEN");
    };
    let desk = Rc::new(Desk {
        api,
        place,
        name: format!("{}/answer", config.app),
        asked,
    });
    let seen = desk.react(Mark::Seen).await;
    if let Err(error) = &seen {
        show.line(&format!("warning: the comment has no reaction: {error}"));
    }
    let answer = permitted(&desk, &config, &order, &show).await;
    let text = answer.page(&line, &desk.asked.login, &desk.place.run_url());
    hand_out(&answer, order.as_ref().ok(), text.as_deref(), &show);
    let outside = crate::outside::outside();
    let told = desk.react(answer.mark).await;
    if let Err(error) = told {
        show.line(&format!("warning: the comment has no reaction: {error}"));
    }
    if let Ok(seen) = seen
        && let Err(error) = desk.unreact(seen).await
    {
        show.line(&format!("warning: 👀 stays at the comment: {error}"));
    }
    if let Some(text) = text {
        let text = outside.secrets.redactor().text(text);
        match desk.reply(&text).await {
            Ok(id) => hand_out_id(id, &show),
            Err(error) => show.line(&format!("warning: the answer is no comment: {error}")),
        }
    }
    Ok(answer.exit)
}

/// The answer to whoever may ask.
async fn permitted(
    desk: &Rc<Desk>,
    config: &Config,
    order: &Result<Order, spoken::Misunderstood>,
    show: &Show,
) -> Answer {
    let commands = config.github.commands.clone().unwrap_or_default();
    let login = &desk.asked.login;
    if let Err(why) = asker::check(&desk.api, &desk.place, &commands, login).await {
        show.line(&format!("not permitted: {}", why.0));
        return Answer::not_permitted();
    }
    let order = match order {
        Ok(order) => order,
        Err(what) => {
            let environments = config.environments.iter();
            let names: Vec<&str> = environments.map(|e| e.name.as_str()).collect();
            return Answer::unclear(what, &names);
        }
    };
    match carry_out(desk, config, order, show).await {
        Ok(answer) => answer,
        Err(error) => {
            let why: Vec<String> = error.chain().map(ToString::to_string).collect();
            let is_of_target = error.chain().any(|cause| cause.is::<TargetError>());
            Answer::failed(&why.join(": "), is_of_target)
        }
    }
}

async fn carry_out(
    desk: &Rc<Desk>,
    config: &Config,
    order: &Order,
    show: &Show,
) -> anyhow::Result<Answer> {
    let command = match order.verb {
        Verb::Help => {
            return Ok(Answer::done(format!(
                "What I understand:\n\n{}",
                reply::help()
            )));
        }
        Verb::Status => return Ok(Answer::done(status(config, order).await)),
        Verb::Plan => return plan(config, order).await,
        Verb::Retry if order.environment.is_none() => return deploy::build_again(desk).await,
        Verb::Deploy | Verb::Retry => {
            let named = order.environment.as_deref();
            let Some(environment) = named.and_then(|name| config.environment(name)) else {
                return Ok(Answer::refused("there is no such environment"));
            };
            let wanted = deploy::Wanted {
                config,
                environment,
                commit: order.what.as_deref(),
                retry: order.verb == Verb::Retry,
            };
            return deploy::deploy(desk, wanted, show).await;
        }
        Verb::Rollback | Verb::Lock | Verb::Unlock => None,
        Verb::Approve => Some(Command::Approve),
        Verb::Promote if order.full => Some(Command::PromoteFull),
        Verb::Promote => Some(Command::Promote),
        Verb::Abort => Some(Command::Abort),
        Verb::Pause => Some(Command::Pause),
        Verb::Resume => Some(Command::Resume),
    };
    let at = match meant(config, order, command.is_some()).await? {
        Ok(at) => at,
        Err(why) => return Ok(Answer::refused(&why)),
    };
    let came = match (command, order.verb) {
        (Some(command), _) => {
            if let Some(why) = of_another(&at, command, desk.asked.pull_request).await? {
                return Ok(Answer::refused(&why));
            }
            operate::say(&at, command, show).await?
        }
        (None, Verb::Lock) => crate::lock::set(&at, order.reason.clone(), order.lasting).await?,
        (None, Verb::Unlock) => {
            operate::Came::at_once(Exit::Success, crate::lock::lift(&at).await?)
        }
        (None, _) => operate::go_back(&at, order.what.as_deref(), show).await?,
    };
    Ok(Answer::of(&came))
}

/// The environment that a command means: the one that was said, the only one, or
/// for what is said to a rollout the only one that has one.
async fn meant(
    config: &Config,
    order: &Order,
    to_rollout: bool,
) -> anyhow::Result<Result<At, String>> {
    if let Some(environment) = order.environment.as_deref() {
        let found = config.environment(environment);
        let found = found.ok_or_else(|| anyhow::anyhow!("there is no such environment"))?;
        return Ok(Ok(operate::at(config, found).await?));
    }
    if let [only] = config.environments.as_slice() {
        return Ok(Ok(operate::at(config, only).await?));
    }
    let mut found = Vec::new();
    for environment in config.environments.iter().filter(|_| to_rollout) {
        let at = operate::at(config, environment).await?;
        let (_, state) = baepo_runtime::driver::load(&*at.target).await?;
        if state.environment.active().is_some() {
            found.push(at);
        }
    }
    Ok(match found.len() {
        1 => found.pop().ok_or_else(String::new),
        0 if to_rollout => Err("nothing is being rolled out anywhere".into()),
        _ => {
            let environments = config.environments.iter();
            let names: Vec<&str> = environments.map(|e| e.name.as_str()).collect();
            Err(format!("say which environment: {}", names.join(", ")))
        }
    })
}

/// Why a command is not for the rollout that is on its way: it brings more users
/// to the revision of another pull request, which nobody looks at here.
async fn of_another(
    at: &At,
    command: Command,
    pull_request: u64,
) -> anyhow::Result<Option<String>> {
    let brings_on = matches!(
        command,
        Command::Approve | Command::Promote | Command::PromoteFull | Command::Resume
    );
    let (_, state) = baepo_runtime::driver::load(&*at.target).await?;
    let rollout = state.environment.active();
    let theirs = rollout.and_then(|rollout| rollout.begin.pull_request);
    let theirs = theirs.filter(|theirs| brings_on && *theirs != pull_request);
    let name = &at.environment.name;
    Ok(theirs.map(|theirs| {
        format!("{name} rolls out pull request {theirs}; say it there, where its report is")
    }))
}

fn chosen<'a>(config: &'a Config, order: &'a Order) -> impl Iterator<Item = &'a Environment> {
    config.environments.iter().filter(|environment| {
        let wanted = order.environment.as_ref();
        wanted.is_none_or(|name| *name == environment.name)
    })
}

async fn status(config: &Config, order: &Order) -> String {
    let mut all = Vec::new();
    for environment in chosen(config, order) {
        let name = &environment.name;
        all.push(match operate::look(config, environment).await {
            Ok((state, fleet)) => operate::describe(name, &state, &fleet, Paint(false)),
            Err(why) => format!("✗ {name}: {why}"),
        });
    }
    format!(
        "What serves:\n\n{}",
        markdown::escape::block(&all.join("\n"))
    )
}

async fn plan(config: &Config, order: &Order) -> anyhow::Result<Answer> {
    let root = crate::root()?;
    let revision = crate::revision::of_checkout(&root)?;
    let plugins = Plugins::load(config.clone(), &root).await?;
    let mut plans = Vec::new();
    for environment in chosen(config, order) {
        plans.extend(crate::plan::entry(&plugins, environment, &revision).await);
    }
    Ok(match plans.is_empty() {
        true => Answer::refused("the plan would be refused; the run of the configuration says why"),
        false => Answer::done(format!(
            "What a rollout would do:\n\n{}",
            markdown::plans(&plans)
        )),
    })
}

/// Outputs and summary of the job. What cannot be written is said, and changes
/// nothing.
fn hand_out(answer: &Answer, order: Option<&Order>, text: Option<&str>, show: &Show) {
    let mut outputs = Vec::new();
    if let Some((outcome, reason)) = answer.outcome {
        outputs.extend([("outcome", outcome), ("reason-code", reason)]);
    }
    if let Some(order) = order {
        outputs.push(("command", order.verb.name()));
        outputs.push((
            "environment",
            order.environment.as_deref().unwrap_or_default(),
        ));
    }
    let mut troubles = Vec::new();
    let file = |name| std::env::var_os(name).map(PathBuf::from);
    if let Some(handed) = file("GITHUB_OUTPUT") {
        let set = outputs
            .into_iter()
            .filter_map(|(name, value)| output::set(&handed, name, value).err());
        troubles.extend(set);
    }
    if let (Some(summary), Some(text)) = (file("GITHUB_STEP_SUMMARY"), text) {
        let text = crate::outside::outside()
            .secrets
            .redactor()
            .text(text.to_owned());
        troubles.extend(output::append(&summary, &text).err());
    }
    if let Some(error) = troubles.first() {
        show.line(&format!(
            "warning: the job's outputs could not be written: {error}"
        ));
    }
}

fn hand_out_id(id: u64, show: &Show) {
    let Some(handed) = std::env::var_os("GITHUB_OUTPUT").map(PathBuf::from) else {
        return;
    };
    if let Err(error) = output::set(&handed, "answer-id", &id.to_string()) {
        show.line(&format!(
            "warning: the job's outputs could not be written: {error}"
        ));
    }
}
