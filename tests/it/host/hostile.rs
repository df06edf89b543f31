//! Each misbehaviour has its own typed error, and the host goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baepo_core::hook::{ConfigProblem, HookError};
use baepo_core::rollout::{Decision, Directive};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::log::LogStream;
use baepo_runtime::plugin::{CallContext, CallError, CallLimits, CallOutcome, Limit, TrapKind};
use tokio_util::sync::CancellationToken;

use super::guest::{self, names};

async fn decide(name: &str, limits: CallLimits) -> Result<CallOutcome<Decision>> {
    let host = guest::host()?;
    let plugin = guest::load_with(&host, name, Grants::default(), Some(limits)).await?;
    Ok(plugin.decide(&CallContext::bare(), &guest::view()).await)
}

fn quick() -> CallLimits {
    CallLimits {
        cpu: Duration::from_millis(50),
        ..CallLimits::BRIEF
    }
}

fn error<T>(outcome: CallOutcome<T>) -> Result<CallError> {
    outcome.result.err().context("it answered")
}

#[tokio::test]
async fn a_loop_without_end_is_stopped_by_the_cpu_limit() -> Result<()> {
    let outcome = decide(names::ENDLESS_LOOP, quick()).await?;
    ensure!(outcome.usage.cpu >= quick().cpu, "{:?}", outcome.usage);
    let limit = quick().cpu;
    assert_eq!(error(outcome)?, CallError::CpuTimeout { limit });
    Ok(())
}

#[tokio::test]
async fn a_loop_while_starting_is_stopped_as_well() -> Result<()> {
    let limit = quick().cpu;
    let outcome = decide(names::ENDLESS_START, quick()).await?;
    assert_eq!(error(outcome)?, CallError::CpuTimeout { limit });
    Ok(())
}

#[tokio::test]
async fn other_tasks_of_the_thread_go_on_beside_a_loop() -> Result<()> {
    let host = guest::host()?;
    let limits = CallLimits {
        cpu: Duration::from_secs(60),
        wall: Duration::from_millis(100),
        ..CallLimits::BRIEF
    };
    let looping =
        guest::load_with(&host, names::ENDLESS_LOOP, Grants::default(), Some(limits)).await?;
    let honest = guest::load(&host, names::ANSWER).await?;
    let (context, view) = (CallContext::bare(), guest::view());
    let (stopped, answered) = tokio::join!(
        looping.decide(&context, &view),
        honest.decide(&context, &view)
    );
    let stopped = error(stopped)?;
    ensure!(
        matches!(
            stopped,
            CallError::WallTimeout {
                in_host_call: None,
                ..
            }
        ),
        "{stopped:?}"
    );
    answered.result?;
    Ok(())
}

#[tokio::test]
async fn a_call_ends_when_it_is_cancelled() -> Result<()> {
    let host = guest::host()?;
    let plugin = guest::load(&host, names::ENDLESS_LOOP).await?;
    let cancel = CancellationToken::new();
    let context = CallContext {
        cancel: cancel.clone(),
        ..CallContext::bare()
    };
    let view = guest::view();
    let (outcome, ()) = tokio::join!(plugin.decide(&context, &view), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    assert_eq!(error(outcome)?, CallError::Cancelled);
    Ok(())
}

#[tokio::test]
async fn an_endless_wait_in_the_host_is_stopped_by_the_wall_limit() -> Result<()> {
    let limit = Duration::from_millis(100);
    let limits = CallLimits {
        wall: limit,
        ..CallLimits::LONG
    };
    let host = guest::host()?;
    let grants = Grants::default();
    let plugin = guest::load_with(&host, names::WAITS_FOREVER, grants, Some(limits)).await?;
    let context = CallContext::bare();
    let outcome = plugin.build(&context, "{}", &guest::revision()).await;
    let usage = outcome.usage;
    ensure!(usage.wall >= limit && usage.cpu < limit, "{usage:?}");
    let in_host_call = None;
    let stopped = CallError::WallTimeout {
        limit,
        in_host_call,
    };
    assert_eq!(error(outcome)?, stopped);
    Ok(())
}

#[tokio::test]
async fn memory_is_limited_as_a_sum_and_told_from_a_panic() -> Result<()> {
    for guest in [names::MEMORY_HOG, names::MEMORY_HOGS] {
        let limits = CallLimits {
            memory_bytes: 10 << 20,
            ..CallLimits::BRIEF
        };
        let outcome = decide(guest, limits).await?;
        let peak = outcome.usage.peak_memory_bytes;
        ensure!(peak > 8 << 20 && peak <= 10 << 20, "peak {peak}");
        let stopped = error(outcome)?;
        ensure!(
            matches!(stopped, CallError::OutOfMemory { limit_bytes, asked_bytes }
                if limit_bytes == 10 << 20 && asked_bytes > limit_bytes),
            "{stopped:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_text_of_a_gigabyte_that_is_not_there_is_a_broken_exchange() -> Result<()> {
    let stopped = error(decide(names::GIGABYTE_TEXT, CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(stopped, CallError::BadExchange { .. }),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_crash_while_starting_is_a_crash() -> Result<()> {
    let stopped = error(decide(names::TRAPS_AT_START, CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(
            stopped,
            CallError::Trap {
                kind: TrapKind::GaveUp,
                ..
            }
        ),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_recursion_without_end_is_a_stack_overflow() -> Result<()> {
    let stopped = error(decide(names::DEEP_RECURSION, CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(
            stopped,
            CallError::Trap {
                kind: TrapKind::StackOverflow,
                ..
            }
        ),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_table_that_grows_without_end_is_a_limit() -> Result<()> {
    let stopped = error(decide(names::TABLE_BOMB, CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(
            stopped,
            CallError::LimitExceeded {
                which: Limit::TableElements,
                ..
            }
        ),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_a_limit() -> Result<()> {
    let stopped = error(decide(names::HUGE_ANSWER, CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(
            stopped,
            CallError::LimitExceeded {
                which: Limit::AnswerBytes,
                ..
            }
        ),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_outside_its_memory_is_a_broken_exchange() -> Result<()> {
    let stopped = error(decide(names::FALSE_POINTER, CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(stopped, CallError::BadExchange { .. }),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_refused() -> Result<()> {
    let stopped = error(decide(names::NONSENSE, CallLimits::BRIEF).await?)?;
    ensure!(
        stopped.to_string() == "its answer to `strategy.decide` makes no sense: it routes 20000 basis points of 10000",
        "{stopped}"
    );
    Ok(())
}

#[tokio::test]
async fn a_panic_names_the_function_of_the_plugin_and_none_of_the_host() -> Result<()> {
    let stopped = error(decide(names::GIVES_UP, CallLimits::BRIEF).await?)?;
    let CallError::Trap { kind, frames, .. } = &stopped else {
        anyhow::bail!("{stopped:?}");
    };
    assert_eq!(*kind, TrapKind::GaveUp);
    assert_eq!(frames.first().map(String::as_str), Some("inner_function"));
    assert_eq!(frames.len(), 2);
    assert_eq!(
        stopped.to_string(),
        "it crashed in `strategy.decide`: it gave up by itself (a panic or an abort), in `inner_function`"
    );
    Ok(())
}

#[tokio::test]
async fn an_exit_through_wasi_is_no_answer() -> Result<()> {
    for (guest, code) in [(names::EXITS, 1), (names::EXITS_WELL, 0)] {
        let stopped = error(decide(guest, CallLimits::BRIEF).await?)?;
        let function = "strategy.decide";
        assert_eq!(stopped, CallError::Exited { function, code });
    }
    Ok(())
}

#[tokio::test]
async fn the_plugin_s_own_word_is_kept_apart() -> Result<()> {
    let stopped = error(decide(names::REFUSES_CONFIG, CallLimits::BRIEF).await?)?;
    let problem = ConfigProblem {
        path: "steps.1".into(),
        message: "must grow".into(),
    };
    let expected = HookError::InvalidConfig(vec![problem]);
    assert_eq!(stopped, CallError::Plugin(expected));
    Ok(())
}

#[tokio::test]
async fn a_flood_of_lines_is_cut_and_the_log_says_so() -> Result<()> {
    let host = guest::host()?;
    let plugin = guest::load(&host, names::LOG_FLOOD).await?;
    let (context, lines) = guest::logged();
    let outcome = plugin.decide(&context, &guest::view()).await;
    let lines = lines.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    let (theirs, ours): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.stream == LogStream::Log);
    let bytes: usize = theirs.iter().map(|line| line.message.len() + 1).sum();
    ensure!(bytes as u64 <= CallLimits::BRIEF.log_bytes, "{bytes} bytes");
    ensure!(theirs.len() > 1_000, "{} lines", theirs.len());
    assert_eq!(ours.len(), 1);
    let dropped = outcome.usage.dropped_log_lines as usize;
    assert_eq!(dropped + theirs.len(), 20_000);
    outcome.result?;
    Ok(())
}

#[tokio::test]
async fn nothing_is_kept_between_calls() -> Result<()> {
    let host = guest::host()?;
    let plugin = guest::load(&host, names::ANSWER).await?;
    for _ in 0..3 {
        let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
        let decision = outcome.result?;
        assert_eq!((decision.progress.step, decision.progress.of), (1, 1));
        let (stable, candidate) = (3, 0);
        assert_eq!(decision.directive, Directive::Scale { stable, candidate });
    }
    Ok(())
}
