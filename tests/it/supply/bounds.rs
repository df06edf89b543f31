//! Wishes and policy: what one of them does not cover is denied, however much
//! `allow:` grants, and the message says who lacked it.

use std::sync::Arc;

use anyhow::{Result, ensure};
use baepo_core::hook::BuildOutput;
use baepo_runtime::capability::Capability;
use baepo_runtime::capability::permit::LayerKind;
use baepo_runtime::capability::policy::Policy;
use baepo_runtime::plugin::wishes::{SECTION, Wish, Wishes, with_wishes};
use baepo_runtime::plugin::{CallOutcome, HostOptions, LoadError, PluginHost};

use super::{Shop, component};
use crate::host::guest;

fn wishes(list: &[(Capability, &str)]) -> Result<Wishes> {
    let list = list.iter().map(|(capability, scope)| Wish {
        capability: *capability,
        scope: (*scope).into(),
        reason: "it has to".into(),
    });
    Ok(Wishes::new(list.collect())?)
}

/// Run a guest under three layers, and its log.
async fn build(
    name: &str,
    config: &str,
    allow: &str,
    wished: Option<&Wishes>,
    policy: Option<Policy>,
) -> Result<(CallOutcome<BuildOutput>, String)> {
    let host = PluginHost::new(HostOptions {
        policy: policy.map(Arc::new),
        ..HostOptions::default()
    })?;
    let bytes = guest::component(name)?;
    let bytes = match wished {
        Some(wishes) => with_wishes(&bytes, wishes)?,
        None => bytes,
    };
    let plugin = guest::load_bytes(&host, &bytes, guest::grants(allow)?, None).await?;
    let checkout = tempfile::tempdir()?;
    std::fs::write(checkout.path().join("Cargo.toml"), "here")?;
    let (context, lines) = guest::logged_in(checkout.path());
    let outcome = plugin.build(&context, config, &guest::revision()).await;
    let lines = lines.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    let log: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    Ok((outcome, log.join("\n")))
}

fn policy(json: &str, bounded: &[Capability]) -> Result<Policy> {
    Ok(Policy {
        grants: guest::grants(json)?,
        bounded: bounded.iter().copied().collect(),
        ..Policy::default()
    })
}

#[tokio::test]
async fn a_plugin_gets_no_more_than_it_wishes_for() -> Result<()> {
    let allow = r#"{"run":["sh"],"read":["."]}"#;
    let none = wishes(&[])?;
    let other = wishes(&[(Capability::Run, "cargo"), (Capability::Read, "*")])?;
    for wished in [&none, &other] {
        let (outcome, log) = build("shell", "true", allow, Some(wished), None).await?;
        ensure!(
            guest::said(&outcome).starts_with("denied"),
            "{}",
            guest::said(&outcome)
        );
        ensure!(
            outcome.denials[0].lacked == [LayerKind::Wishes],
            "{:?}",
            outcome.denials
        );
        ensure!(log.contains("does not state it among its wishes"), "{log}");
        ensure!(
            !log.contains("allow:"),
            "no line of the file would help: {log}"
        );
    }
    let (outcome, _) = build("read-file", "Cargo.toml", allow, Some(&other), None).await?;
    ensure!(outcome.denials.is_empty(), "{:?}", outcome.denials);
    let wished = wishes(&[(Capability::Run, "sh")])?;
    for wished in [Some(&wished), None] {
        let (outcome, _) = build("shell", "true", allow, wished, None).await?;
        ensure!(outcome.denials.is_empty(), "{:?}", outcome.denials);
    }
    Ok(())
}

#[tokio::test]
async fn wishes_grant_nothing() -> Result<()> {
    let wished = wishes(&[(Capability::Run, "*"), (Capability::Net, "*")])?;
    let (outcome, log) = build("shell", "true", "{}", Some(&wished), None).await?;
    ensure!(
        guest::said(&outcome).starts_with("denied"),
        "{}",
        guest::said(&outcome)
    );
    ensure!(log.contains("to allow it: allow: { run: [sh] }"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_policy_denies_what_it_does_not_list_and_says_so() -> Result<()> {
    let allow = r#"{"run":["sh"],"net":["http://127.0.0.1:*","https://*.acme.dev"]}"#;
    let bounded = [Capability::Run, Capability::Net];
    let narrow = policy(
        r#"{"run":["cargo"],"net":["https://api.acme.dev"]}"#,
        &bounded,
    )?;
    for (guest_name, config) in [
        ("shell", "true"),
        ("fetch", "http://127.0.0.1:9/x"),
        ("fetch", "https://www.acme.dev/x"),
    ] {
        let (outcome, log) = build(guest_name, config, allow, None, Some(narrow.clone())).await?;
        ensure!(
            guest::said(&outcome).starts_with("denied"),
            "{}",
            guest::said(&outcome)
        );
        ensure!(
            outcome.denials[0].lacked == [LayerKind::Policy],
            "{:?}",
            outcome.denials
        );
        ensure!(log.contains("policy of your organisation"), "{log}");
    }
    let unbounded = policy(r#"{"net":[]}"#, &[Capability::Net])?;
    let (outcome, _) = build("shell", "true", allow, None, Some(unbounded)).await?;
    ensure!(outcome.denials.is_empty(), "{:?}", outcome.denials);
    Ok(())
}

#[tokio::test]
async fn wishes_that_cannot_be_read_are_an_error_of_their_own() -> Result<()> {
    let host = guest::host()?;
    let mut bytes = component("direct");
    let mut content = vec![SECTION.len() as u8];
    content.extend_from_slice(SECTION.as_bytes());
    content.extend_from_slice(b"{\"version\":1,\"wishes\":[{}]}");
    bytes.extend_from_slice(&[0, content.len() as u8]);
    bytes.extend_from_slice(&content);
    let refused = guest::load_bytes(&host, &bytes, guest::grants("{}")?, None).await;
    match refused {
        Err(LoadError::Wishes(error)) => {
            ensure!(error.to_string().contains("capability"), "{error}")
        }
        Err(error) => anyhow::bail!("{error}"),
        Ok(_) => anyhow::bail!("it was loaded"),
    }
    Ok(())
}

#[test]
fn a_policy_that_makes_a_plugin_unusable_ends_with_denied() {
    let shop = Shop::with_strategy("./decider.wasm", "");
    std::fs::write(
        shop.checkout.path().join("decider.wasm"),
        component("direct"),
    )
    .unwrap();
    let sources = "version: 1\nsources: [\"builtin:*\", \"oci://ghcr.io/acme/*\"]\n";
    for args in [
        &["plan"][..],
        &["run"],
        &["plugin", "fetch"],
        &["plugin", "add", "./decider.wasm"],
    ] {
        shop.check_under(
            sources,
            args,
            3,
            &[
                "policy of your organisation",
                "./decider.wasm",
                "BAEPO_POLICY",
            ],
        );
    }
    shop.check_under("version: 1\n", &["plan"], 0, &["production"]);
    let grants = "version: 1\ngrants: { run: [cargo] }\n";
    shop.check_under(
        grants,
        &["plan"],
        3,
        &["baepo.yml:", "does not allow `run: cp`"],
    );
    shop.check_under(
        "version: 1\ngrants: { run: [cp] }\n",
        &["plan"],
        0,
        &["production"],
    );
    shop.use_strategy("./decider.wasm", "      limits: { cpu: 4s }\n");
    let limits = |cpu: &str| format!("version: 1\nlimits: {{ cpu: {cpu} }}\n");
    shop.check_under(&limits("4s"), &["plan"], 0, &["production"]);
    shop.check_under(
        &limits("3s"),
        &["plan"],
        3,
        &["baepo.yml:", "limits: { cpu }"],
    );
}

#[test]
fn a_policy_that_is_not_there_or_not_right_allows_nothing() {
    let shop = Shop::with_strategy("builtin:direct", "");
    shop.check_under(
        "version: 1\nsource: []\n",
        &["plan"],
        2,
        &["policy.yml:2:1", "did you mean `sources`"],
    );
    // A relative path would lead into the checkout, which is the work of others.
    for (path, why) in [
        ("/nowhere/policy.yml", "not there"),
        ("policy.yml", "absolute path"),
    ] {
        let output = shop
            .baepo(&["plan"])
            .env("BAEPO_POLICY", path)
            .output()
            .unwrap();
        super::check(&output, 2, &[path, why]);
    }
}
