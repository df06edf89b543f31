//! `http` on the sample service: what it may ask, and how it judges.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use baepo_core::rollout::Side;
use baepo_core::verdict::{Phase, Verdict};
use baepo_runtime::capability::Capability;
use baepo_runtime::capability::permit::LayerKind;
use serde_json::{Value, json};

use super::{Ending, Watch, side};
use crate::life::shop;

/// The grant for the instances, and for nothing else.
const ENDPOINTS: &str = r#"{"net":["endpoints"]}"#;

/// A running sample service; ended when dropped.
struct Shop {
    process: Ending,
    address: String,
}

impl Shop {
    fn start(revision: &str) -> Result<Shop> {
        let child = Command::new(shop(revision))
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut process = Ending(child);
        let mut line = String::new();
        let out = process.0.stdout.take().context("stdout is piped")?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        let address = address.to_owned();
        Ok(Shop { process, address })
    }

    fn side(&self, mark: u8) -> Side {
        side(mark, std::slice::from_ref(&self.address))
    }
}

async fn watch(stable: &Shop, candidate: &Shop, config: Value, allow: &str) -> Result<Watch> {
    Watch::start("http", config, allow, stable.side(1), candidate.side(2)).await
}

#[tokio::test]
async fn a_good_revision_is_healthy_before_it_has_users() -> Result<()> {
    let shops = (Shop::start("v1")?, Shop::start("v2")?);
    let config = json!({ "requests-per-look": 20, "slo": "99.9%" });
    let mut watch = watch(&shops.0, &shops.1, config, ENDPOINTS).await?;
    watch.request.phase = Phase::Preview;
    let judged = watch.verdict(Verdict::Healthy).await?;
    let words: Vec<&str> = judged.reason.split(' ').collect();
    let [
        "0",
        "%",
        "of",
        probes,
        "probes",
        "failed,",
        "limit",
        "1",
        "%",
    ] = words.as_slice()
    else {
        anyhow::bail!("{judged:?}");
    };
    // Fewer would prove nothing; how many more it takes is a look.
    ensure!((360..=420).contains(&probes.parse::<u32>()?), "{judged:?}");
    // What was used is told by the entry of `allow:`, and not by ports that
    // differ each time.
    let used: Vec<String> = watch
        .context
        .uses
        .take()
        .into_iter()
        .map(|one| one.target)
        .collect();
    assert_eq!(used, ["endpoints"]);
    Ok(())
}

#[tokio::test]
async fn the_bad_revision_is_failing_and_its_answer_is_told() -> Result<()> {
    let shops = (Shop::start("v2")?, Shop::start("v3")?);
    let config = json!({ "requests-per-look": 20 });
    let mut watch = watch(&shops.0, &shops.1, config, ENDPOINTS).await?;
    let judged = watch.verdict(Verdict::Failing).await?;
    let example = format!("http://{}: status 500", shops.1.address);
    ensure!(judged.reason.contains("limit 1 %"), "{judged:?}");
    ensure!(judged.findings[0].message.contains(&example), "{judged:?}");
    Ok(())
}

#[tokio::test]
async fn what_both_revisions_do_wrong_does_not_send_anybody_back() -> Result<()> {
    let shops = (Shop::start("v1")?, Shop::start("v2")?);
    let config = json!({ "path": "/no-such-page" });
    let mut watch = watch(&shops.0, &shops.1, config, ENDPOINTS).await?;
    for _ in 0..10 {
        let judged = watch.look().await?;
        ensure!(judged.verdict == Verdict::Inconclusive, "{judged:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_instance_that_is_gone_is_failing_soon() -> Result<()> {
    let shops = (Shop::start("v1")?, Shop::start("v2")?);
    let mut watch = watch(&shops.0, &shops.1, json!({}), ENDPOINTS).await?;
    let judged = watch.look().await?;
    ensure!(judged.verdict == Verdict::Inconclusive, "{judged:?}");
    let Shop { process, .. } = shops.1;
    drop(process);
    let judged = watch.look().await?;
    ensure!(judged.verdict == Verdict::Failing, "{judged:?}");
    ensure!(
        judged.reason.contains("nothing answers there"),
        "{judged:?}"
    );
    Ok(())
}

#[tokio::test]
async fn without_the_grant_nobody_is_asked_and_the_denial_names_it() -> Result<()> {
    let shops = (Shop::start("v1")?, Shop::start("v2")?);
    for allow in ["{}", r#"{"net":["http://127.0.0.1:1"]}"#] {
        let watch = watch(&shops.0, &shops.1, json!({}), allow).await?;
        let outcome = watch.plugin.observe(&watch.context, &watch.request, "test");
        let outcome = outcome.await;
        ensure!(outcome.result.is_err());
        let [denial] = outcome.denials.as_slice() else {
            anyhow::bail!("{:?}", outcome.denials);
        };
        assert_eq!(denial.capability, Capability::Net);
        assert_eq!(denial.target, "endpoints");
        assert_eq!(denial.lacked, [LayerKind::Allow]);
    }
    Ok(())
}

#[tokio::test]
async fn the_grant_does_not_follow_a_target_to_the_metadata_of_a_cloud() -> Result<()> {
    let shop = Shop::start("v1")?;
    for address in [
        "169.254.169.254",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "localhost:1",
    ] {
        let candidate = side(2, &[address.to_owned()]);
        let started = Watch::start("http", json!({}), ENDPOINTS, shop.side(1), candidate);
        let watch = started.await?;
        let outcome = watch.plugin.observe(&watch.context, &watch.request, "test");
        let outcome = outcome.await;
        ensure!(outcome.result.is_err(), "{address}");
        ensure!(outcome.denials.len() == 1, "{:?}", outcome.denials);
    }
    Ok(())
}
