//! Each misbehaviour has its own typed error, and the host goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baepo_core::hook::{ConfigProblem, HookError};
use baepo_core::rollout::{Decision, Directive};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::log::LogStream;
use baepo_runtime::plugin::{
    CallContext, CallError, CallLimits, CallOutcome, HostOptions, Limit, PluginHost, TrapKind,
};
use tokio_util::sync::CancellationToken;

use super::guest;

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
    let outcome = decide("endless-loop", quick()).await?;
    ensure!(outcome.usage.cpu >= quick().cpu, "{:?}", outcome.usage);
    let limit = quick().cpu;
    assert_eq!(error(outcome)?, CallError::CpuTimeout { limit });
    Ok(())
}

#[tokio::test]
async fn a_loop_while_starting_is_stopped_as_well() -> Result<()> {
    let limit = quick().cpu;
    let outcome = decide("endless-start", quick()).await?;
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
    let looping = guest::load_with(&host, "endless-loop", Grants::default(), Some(limits)).await?;
    let honest = guest::load(&host, "answer").await?;
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
    let plugin = guest::load(&host, "endless-loop").await?;
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
async fn memory_is_limited_as_a_sum_and_told_from_a_panic() -> Result<()> {
    let limits = CallLimits {
        memory_bytes: 10 << 20,
        ..CallLimits::BRIEF
    };
    let outcome = decide("memory-hog", limits).await?;
    let peak = outcome.usage.peak_memory_bytes;
    ensure!(peak > 8 << 20 && peak <= 10 << 20, "peak {peak}");
    let stopped = error(outcome)?;
    ensure!(
        matches!(stopped, CallError::OutOfMemory { limit_bytes, asked_bytes }
            if limit_bytes == 10 << 20 && asked_bytes > limit_bytes),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_recursion_without_end_is_a_stack_overflow() -> Result<()> {
    let stopped = error(decide("deep-recursion", CallLimits::BRIEF).await?)?;
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
    let stopped = error(decide("table-bomb", CallLimits::BRIEF).await?)?;
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
    let stopped = error(decide("huge-answer", CallLimits::BRIEF).await?)?;
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
    let stopped = error(decide("false-pointer", CallLimits::BRIEF).await?)?;
    ensure!(
        matches!(stopped, CallError::BadExchange { .. }),
        "{stopped:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_refused() -> Result<()> {
    let stopped = error(decide("nonsense", CallLimits::BRIEF).await?)?;
    ensure!(
        stopped.to_string() == "its answer makes no sense: it routes 20000 basis points of 10000",
        "{stopped}"
    );
    Ok(())
}

#[tokio::test]
async fn a_panic_names_the_function_of_the_plugin_and_none_of_the_host() -> Result<()> {
    let stopped = error(decide("gives-up", CallLimits::BRIEF).await?)?;
    let CallError::Trap { kind, frames } = &stopped else {
        anyhow::bail!("{stopped:?}");
    };
    assert_eq!(*kind, TrapKind::GaveUp);
    assert_eq!(frames.first().map(String::as_str), Some("inner_function"));
    assert_eq!(frames.len(), 2);
    assert_eq!(
        stopped.to_string(),
        "it crashed: it gave up by itself (a panic or an abort), in `inner_function`"
    );
    Ok(())
}

#[tokio::test]
async fn an_exit_through_wasi_is_no_answer() -> Result<()> {
    let stopped = error(decide("exits", CallLimits::BRIEF).await?)?;
    assert_eq!(stopped, CallError::Exited { code: 1 });
    Ok(())
}

#[tokio::test]
async fn the_plugin_s_own_word_is_kept_apart() -> Result<()> {
    let stopped = error(decide("refuses-config", CallLimits::BRIEF).await?)?;
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
    let plugin = guest::load(&host, "log-flood").await?;
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
async fn a_thousand_hostile_calls_leave_nothing_behind() -> Result<()> {
    for pool in [None, Some(4)] {
        thousand_calls(HostOptions {
            pool,
            ..HostOptions::default()
        })
        .await?;
    }
    Ok(())
}

async fn thousand_calls(options: HostOptions) -> Result<()> {
    let host = PluginHost::new(options)?;
    let limits = CallLimits {
        cpu: Duration::from_millis(1),
        memory_bytes: 16 << 20,
        ..CallLimits::BRIEF
    };
    let mut guests = Vec::new();
    for name in [
        "gives-up",
        "memory-hog",
        "deep-recursion",
        "endless-loop",
        "log-flood",
        "table-bomb",
        "false-pointer",
        "exits",
    ] {
        guests.push(guest::load_with(&host, name, Grants::default(), Some(limits.clone())).await?);
    }
    let (context, view) = (CallContext::bare(), guest::view());
    let mut resident = Vec::new();
    for round in 0..125 {
        for guest in &guests {
            let outcome = guest.decide(&context, &view).await;
            if let Err(CallError::HostBug { .. } | CallError::HostBusy) = outcome.result {
                anyhow::bail!("{:?}", outcome.result);
            }
        }
        if round % 25 == 24 {
            resident.push(resident_bytes()?);
        }
    }
    let (first, last) = (resident[0], resident[resident.len() - 1]);
    ensure!(
        last < first + first / 10 + (4 << 20),
        "resident bytes: {resident:?}"
    );
    let honest = guest::load(&host, "answer").await?;
    honest.decide(&context, &view).await.result?;
    Ok(())
}

/// Source: proc(5), `/proc/self/statm`: the second number counts pages.
fn resident_bytes() -> Result<usize> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = text.split(' ').nth(1).context("resident pages")?.parse()?;
    Ok(pages * 4096)
}

#[tokio::test]
async fn nothing_is_kept_between_calls() -> Result<()> {
    let host = guest::host()?;
    let plugin = guest::load(&host, "answer").await?;
    for _ in 0..3 {
        let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
        let decision = outcome.result?;
        assert_eq!((decision.progress.step, decision.progress.of), (1, 1));
        let (stable, candidate) = (3, 0);
        assert_eq!(decision.directive, Directive::Scale { stable, candidate });
    }
    Ok(())
}

#[test]
fn every_guest_is_called_by_a_test() -> Result<()> {
    let here = guest::root().join("tests/it/host");
    let mut tests = String::new();
    for file in ["hostile.rs", "honest.rs", "capability.rs", "load.rs"] {
        tests.push_str(&std::fs::read_to_string(here.join(file))?);
    }
    let mut forgotten = BTreeSet::new();
    for entry in std::fs::read_dir(guest::root().join("tests/guests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".wat")
            && !tests.contains(&format!("{name:?}"))
        {
            forgotten.insert(name.to_string());
        }
    }
    ensure!(forgotten.is_empty(), "no test calls {forgotten:?}");
    Ok(())
}
