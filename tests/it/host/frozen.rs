//! A component of every published version of `baepo:hooks`, for each hook, as
//! it was when the version was published. This host must run all of them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::hook::{FeedbackRequest, HookError, PastRollout};
use baepo_core::lease::Token;
use baepo_core::release::Release;
use baepo_core::time::Time;
use baepo_core::verdict::Phase;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{
    CallContext, CallError, Hook, Plugin, TargetAnswer, TargetCall, TargetRefusal,
};

use super::guest::{self, names};

const VERSIONS: [&str; 1] = ["0.1.0"];

/// The frozen component of a hook. With `FREEZE=1` one that is missing is made:
/// of a first-party plugin, or of a guest where there is none.
async fn frozen(version: &str, hook: Hook) -> Result<Plugin> {
    let path: PathBuf = guest::root()
        .join("tests/frozen")
        .join(version)
        .join(format!("{hook}.wasm"));
    if !path.exists() && std::env::var_os("FREEZE").is_some() {
        let dist = |name: &str| std::fs::read(guest::root().join("plugins/dist").join(name));
        let bytes = match hook {
            Hook::Build => dist("command.wasm")?,
            Hook::Test => dist("junit.wasm")?,
            Hook::Strategy => dist("canary.wasm")?,
            Hook::Monitor => dist("traffic.wasm")?,
            Hook::Target => guest::component(names::TARGET)?,
            Hook::Feedback => guest::component(names::FEEDBACK)?,
        };
        std::fs::write(&path, bytes)?;
    }
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let plugin = guest::load_bytes(&guest::host()?, &bytes, Grants::default(), None).await?;
    plugin.require(hook)?;
    Ok(plugin)
}

#[tokio::test]
async fn build_and_test_plugins_of_every_version_say_what_is_wrong_with_their_settings()
-> Result<()> {
    for version in VERSIONS {
        let (context, revision) = (CallContext::bare(), guest::revision());
        let build = frozen(version, Hook::Build).await?;
        let built = build.build(&context, "{}", &revision).await.result.err();
        let test = frozen(version, Hook::Test).await?;
        let tested = test.test(&context, "{}", &revision, &[]).await.result.err();
        for error in [built, tested] {
            ensure!(
                matches!(error, Some(CallError::Plugin(HookError::InvalidConfig(_)))),
                "{error:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn strategies_and_monitors_of_every_version_decide_and_describe() -> Result<()> {
    for version in VERSIONS {
        let context = CallContext::bare();
        let strategy = frozen(version, Hook::Strategy).await?;
        let decision = strategy.decide(&context, &guest::view()).await.result?;
        ensure!(!decision.reason.is_empty(), "{decision:?}");
        let monitor = frozen(version, Hook::Monitor).await?;
        let phases = monitor.describe_monitor(&context, "{}").await.result?;
        ensure!(phases.contains(&Phase::Ramp), "{phases:?}");
    }
    Ok(())
}

#[tokio::test]
async fn feedback_plugins_of_every_version_respond() -> Result<()> {
    for version in VERSIONS {
        let plugin = frozen(version, Hook::Feedback).await?;
        let rollout = PastRollout {
            revision: guest::revision(),
            environment: "production".into(),
            outcome: "succeeded".into(),
            reason: String::new(),
            started: Time(0),
            ended: Time(1),
        };
        let request = FeedbackRequest {
            config: "{}".into(),
            rollout,
            signals: Vec::new(),
            history: Vec::new(),
        };
        let sections = plugin
            .respond(&CallContext::bare(), &request)
            .await
            .result?;
        ensure!(
            matches!(&sections[..], [one] if one.title == "production"),
            "{sections:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn targets_of_every_version_do_what_targets_do() -> Result<()> {
    for version in VERSIONS {
        check_target(&frozen(version, Hook::Target).await?).await?;
    }
    Ok(())
}

async fn check_target(plugin: &Plugin) -> Result<()> {
    let digest = Digest::from_bytes([3; 32]);
    // Its configuration is the release that it shows.
    let config = digest.to_string();
    let ask = async |call: TargetCall<'_>| -> Result<Result<TargetAnswer, TargetRefusal>> {
        let outcome = plugin.target(&CallContext::bare(), &config, call).await;
        Ok(outcome.result?)
    };
    let described = ask(TargetCall::Describe).await?;
    ensure!(
        matches!(&described, Ok(TargetAnswer::Description(told))
            if told.name == "frozen target" && told.has_telemetry && !told.has_watchdog),
        "{described:?}"
    );
    let release = Release {
        digest,
        revision: guest::revision(),
        artifacts: Vec::new(),
    };
    let route = Route::all(digest);
    for (token, expected) in [(7, Ok(TargetAnswer::Done)), (6, Err(TargetRefusal::Fenced))] {
        let token = Token(token);
        for call in [
            TargetCall::Upload(token, digest, b"content"),
            TargetCall::Stage(token, &release, "{}"),
            TargetCall::Scale(token, digest, 2),
            TargetCall::Route(token, &route),
            TargetCall::Discard(token, digest),
        ] {
            assert_eq!(ask(call).await?, expected, "{call:?}");
        }
    }
    let missing = ask(TargetCall::Missing(&[digest])).await?;
    assert_eq!(missing, Ok(TargetAnswer::Missing(vec![digest])));
    let Ok(TargetAnswer::Fleet(fleet)) = ask(TargetCall::Observe).await? else {
        anyhow::bail!("no fleet");
    };
    assert_eq!((fleet.of(digest).ready, &fleet.route), (2, &route));
    let telemetry = ask(TargetCall::Telemetry(digest)).await?;
    assert_eq!(telemetry, Ok(TargetAnswer::Telemetry(None)));
    let logs = ask(TargetCall::Logs(digest, 10)).await?;
    assert_eq!(logs, Ok(TargetAnswer::Logs(Vec::new())));
    let Ok(TargetAnswer::State(state)) = ask(TargetCall::LoadState).await? else {
        anyhow::bail!("no state");
    };
    assert_eq!((state.version, state.bytes.as_slice()), (3, &b"frozen"[..]));
    let saved = ask(TargetCall::SaveState(3, b"next")).await?;
    assert_eq!(saved, Ok(TargetAnswer::Saved(4)));
    let late = ask(TargetCall::SaveState(2, b"next")).await?;
    assert_eq!(late, Err(TargetRefusal::Conflict));
    Ok(())
}
