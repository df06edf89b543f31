//! Each limit that ends a call has its own error, also where the engine has
//! only words for it.

use anyhow::{Context, Result, ensure};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, CallError, CallLimits, Limit, LoadError};

use super::guest::{self, names};

/// The limit that stops a guest, what it is set to and what was asked for.
async fn stopped_by(name: &str, limits: CallLimits) -> Result<(Limit, usize, Option<usize>)> {
    let host = guest::host()?;
    let plugin = guest::load_with(&host, name, Grants::default(), Some(limits)).await?;
    let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
    match outcome.result {
        Err(CallError::LimitExceeded {
            which,
            limit,
            asked,
        }) => Ok((which, limit, asked)),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test]
async fn handles_that_are_not_given_back_are_limited() -> Result<()> {
    for guest in [names::LEAKS_HANDLES, names::MAKES_HANDLES] {
        let limits = CallLimits {
            handles: 100,
            ..CallLimits::BRIEF
        };
        let stopped = stopped_by(guest, limits).await?;
        assert_eq!(stopped, (Limit::Handles, 100, None));
    }
    Ok(())
}

#[tokio::test]
async fn what_one_exchange_may_carry_is_limited() -> Result<()> {
    let limit = CallLimits::BRIEF.hostcall_bytes;
    let stopped = stopped_by(names::LONG_TEXT, CallLimits::BRIEF).await?;
    assert_eq!(stopped, (Limit::ExchangeBytes, limit, None));
    let raised = CallLimits {
        hostcall_bytes: 16 << 20,
        ..CallLimits::BRIEF
    };
    ensure!(stopped_by(names::LONG_TEXT, raised).await.is_err());
    Ok(())
}

#[tokio::test]
async fn randomness_at_a_time_is_limited() -> Result<()> {
    let stopped = stopped_by(names::MUCH_RANDOMNESS, CallLimits::BRIEF).await?;
    assert_eq!(stopped, (Limit::RandomBytes, 64 * 1024, Some(1_000_000)));
    Ok(())
}

#[tokio::test]
async fn instances_are_limited() -> Result<()> {
    let limits = CallLimits {
        instances: 1,
        ..CallLimits::BRIEF
    };
    let stopped = stopped_by(names::LOG_FLOOD, limits).await?;
    assert_eq!(stopped, (Limit::Instances, 1, Some(2)));
    Ok(())
}

#[tokio::test]
async fn memories_and_tables_are_counted_before_anything_runs() -> Result<()> {
    let host = guest::host()?;
    for (what, memories, tables) in [("memories", 0, 9), ("tables", 9, 0)] {
        let limits = CallLimits {
            memories,
            tables,
            ..CallLimits::BRIEF
        };
        let bytes = guest::component(names::LOG_FLOOD)?;
        let loaded = guest::load_bytes(&host, &bytes, Grants::default(), Some(limits)).await;
        let refused = loaded.err().context("it was loaded")?;
        ensure!(
            matches!(refused, LoadError::TooManyParts { what: told, .. } if told == what),
            "{refused:?}"
        );
    }
    Ok(())
}

#[test]
fn each_limit_says_what_it_is_and_how_to_raise_it() {
    for which in Limit::ALL {
        let limit = which.of(&CallLimits::BRIEF);
        for asked in [None, Some(limit + 1)] {
            let error = CallError::LimitExceeded {
                which,
                limit,
                asked,
            };
            let text = error.to_string();
            assert!(text.contains(&which.to_string()), "{text}");
            assert!(text.contains(&limit.to_string()), "{text}");
            assert!(error.help().contains("`limits:`"));
            assert_eq!(error.class(), "limit-exceeded");
        }
    }
}
