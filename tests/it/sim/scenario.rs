//! Scenario files: a script and what comes of it, in one readable text.
//!
//! `UPDATE_EXPECT=1 cargo nextest run --release scenario` writes anew what
//! comes of the scripts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use baepo_core::rollout::{Command, Decision, Directive, Entry, OnNoEvidence, Progress, View};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;

use super::case::{Case, Event, Evidence, NEW, NEXT, OLD, Start, Who};
use super::plugin::Component;
use super::run::{BEGIN, Run, Stop};

/// Between the script and what comes of it.
const RULE: &str = "----\n";

/// A script as it was read.
struct Script {
    case: Case,
    /// Directives in order, where no strategy is asked.
    asks: Vec<Directive>,
}

fn parse_script(text: &str) -> Result<Script> {
    let mut script = Script {
        case: Case::new(Who::Canary, 4),
        asks: Vec::new(),
    };
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        parse_line(line, &mut script).with_context(|| format!("in `{line}`"))?;
    }
    Ok(script)
}

fn parse_line(line: &str, script: &mut Script) -> Result<()> {
    let case = &mut script.case;
    let (key, rest) = line.split_once(": ").context("expected `key: value`")?;
    match key {
        "strategy" => {
            let (name, config) = rest.split_once(' ').unwrap_or((rest, "{}"));
            // The few scripts live as long as the test.
            case.who = Who::Shipped(String::leak(name.into()), String::leak(config.into()));
        }
        "asks" => {
            for directive in rest.split(", ") {
                script.asks.push(parse_directive(directive)?);
            }
        }
        "instances" => (case.n, case.surge) = (rest.parse()?, rest.parse()?),
        "surge" => case.surge = rest.parse()?,
        "unavailable" => case.unavailable = rest.parse()?,
        "unjudged" => case.unjudged = parse_share(rest)?,
        "grain" => case.grain = parse_share(rest)?,
        "start" => {
            case.start = match rest {
                "nothing serves" => Start::Nothing,
                "rollback to a warm release" => Start::Warm,
                "rollback to a cold release" => Start::Cold,
                _ => bail!("unknown start"),
            }
        }
        "evidence" => {
            case.evidence = match rest {
                "healthy" => Evidence::Healthy,
                "inconclusive" => Evidence::Inconclusive,
                _ => {
                    let share = rest
                        .strip_prefix("failing from ")
                        .context("unknown evidence")?;
                    Evidence::FailingAt(parse_share(share)?)
                }
            }
        }
        "on no evidence" => {
            case.policy = match rest {
                "hold" => OnNoEvidence::Hold,
                "continue on health" => OnNoEvidence::ContinueOnHealth,
                "abort" => OnNoEvidence::Abort,
                _ => bail!("unknown policy"),
            }
        }
        _ => {
            let when = key.strip_prefix("after decision ").context("unknown key")?;
            let (decision, after) = when.split_once(" and ").unwrap_or((when, "0s"));
            let after = parse_time(after)?.0;
            *case = case
                .clone()
                .event(decision.parse()?, after, parse_event(rest)?);
        }
    }
    Ok(())
}

fn parse_event(text: &str) -> Result<Event> {
    Ok(match text {
        "ann says abort" => Event::Says(Command::Abort),
        "ann says pause" => Event::Says(Command::Pause),
        "ann says resume" => Event::Says(Command::Resume),
        "ann says promote" => Event::Says(Command::Promote),
        "ann says promote --full" => Event::Says(Command::PromoteFull),
        "the job is cancelled" => Event::Cancel { pause: false },
        "the run may wait no longer" => Event::Leave { watched: false },
        "the run may wait no longer, and the agent watches" => Event::Leave { watched: true },
        "a newer release is wanted" => Event::Supersede,
        "an instance of new dies" => Event::Dies(NEW),
        "an instance of old dies" => Event::Dies(OLD),
        "all instances of new die" => Event::AllDie(NEW),
        "all instances of old die" => Event::AllDie(OLD),
        "new never becomes ready again" => Event::Breaks(NEW),
        _ => {
            let time = text
                .strip_prefix("nobody answers for ")
                .context("unknown event")?;
            Event::Unreachable(parse_time(time)?)
        }
    })
}

fn parse_directive(text: &str) -> Result<Directive> {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match verb {
        "scale" => {
            let (stable, candidate) = rest.split_once('+').context("expected `scale 4+1`")?;
            Directive::Scale {
                stable: stable.parse()?,
                candidate: candidate.parse()?,
            }
        }
        "route" => Directive::Route(BasisPoints::saturating(parse_share(rest)?.into())),
        "observe" => Directive::Observe {
            min: parse_time(rest)?,
            max: parse_time(rest)?,
        },
        "hold" => Directive::Hold {
            reason: "the script says so".into(),
            timeout: parse_time(rest)?,
        },
        "finish" => Directive::Finish {
            keep_warm: Millis::ZERO,
        },
        _ => bail!("unknown directive"),
    })
}

fn parse_share(text: &str) -> Result<u32> {
    let percent = text
        .strip_suffix('%')
        .context("expected a share like `5%`")?;
    Ok((percent.parse::<f64>()? * 100.0).round() as u32)
}

fn parse_time(text: &str) -> Result<Millis> {
    let text = text.trim();
    if let Some(ms) = text.strip_suffix("ms") {
        return Ok(Millis(ms.parse()?));
    }
    let seconds = text
        .strip_suffix('s')
        .context("expected a time like `5s`")?;
    Ok(Millis::from_secs(seconds.parse()?))
}

/// What comes of a script: a line for each entry, but for looks that change
/// nothing.
fn transcript(script: &Script) -> Result<String> {
    let component = match script.case.who {
        Who::Shipped(name, _) if script.asks.is_empty() => Some(Component::load(name)?),
        _ => None,
    };
    let decider = |view: &View| match &component {
        Some(component) => component.decide(view),
        None => listed(&script.asks, view),
    };
    let mut run = Run::new(&script.case, &decider);
    let mut text = String::new();
    loop {
        match run.step().map_err(anyhow::Error::msg)? {
            Stop::Recorded => {}
            Stop::Resumed(done) => {
                let (outcome, reason) = (done.outcome, done.reason);
                writeln!(text, "= {outcome}: {reason}; another run goes on")?;
                continue;
            }
            Stop::Done(done) => {
                writeln!(text, "= {}, {}: {}", done.outcome, done.cause, done.reason)?;
                return Ok(named(&text));
            }
        }
        let Some(record) = run.journal.last() else {
            continue;
        };
        let is_dull = matches!(
            record.entry,
            Entry::Baseline { .. }
                | Entry::Staged
                | Entry::Looked {
                    last_look: false,
                    ..
                }
        );
        if is_dull {
            continue;
        }
        let fleet = run.world.fleet(run.now);
        let (stable, candidate) = match &run.durable.rollout {
            Some(rollout) => (rollout.stable_digest(), rollout.candidate()),
            None => (None, NEW),
        };
        let ready = |digest| fleet.of(digest).ready;
        let at = run.now.since(BEGIN).to_string();
        let instances = format!("{}+{}", stable.map_or(0, ready), ready(candidate));
        let weight = fleet.route.weight(candidate).to_string();
        writeln!(
            text,
            "{at:>8}  {instances:<4} {weight:>6}  {}",
            record.in_words()
        )?;
    }
}

fn listed(asks: &[Directive], view: &View) -> Result<Decision, String> {
    let at = view.decisions as usize;
    let directive = asks.get(at).cloned().unwrap_or(Directive::Abort {
        reason: "the script is over".into(),
    });
    let progress = Progress {
        step: at as u32 + 1,
        of: asks.len() as u32,
    };
    Ok(Decision {
        memory: Vec::new(),
        directive,
        progress,
        reason: "as the script says".into(),
    })
}

/// Releases by name instead of digits.
fn named(text: &str) -> String {
    let mut text = text.to_owned();
    for (digest, name) in [(OLD, "old"), (NEW, "new"), (NEXT, "newer")] {
        text = text
            .replace(&digest.short(), name)
            .replace(&digest.short()[..7], name);
    }
    text
}

#[test]
fn every_scenario_ends_as_it_is_written() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort();
    ensure!(!files.is_empty(), "there are no scenarios");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let (script, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let parsed = parse_script(script).with_context(|| format!("{}", file.display()))?;
        let found = match transcript(&parsed) {
            Ok(found) => found,
            Err(why) => format!("violation: {why:#}\n"),
        };
        if found == expected {
            continue;
        }
        if update {
            std::fs::write(&file, format!("{script}{RULE}{found}"))?;
        } else {
            wrong.push(format!(
                "{}:\n{}",
                file.display(),
                first_difference(expected, &found)
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn first_difference(expected: &str, found: &str) -> String {
    let line = expected
        .lines()
        .zip(found.lines())
        .position(|(a, b)| a != b);
    let line = line.unwrap_or(expected.lines().count().min(found.lines().count()));
    let show = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    format!("  written: {}\n  found:   {}", show(expected), show(found))
}
