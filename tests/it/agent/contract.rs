//! What every target promises: staging, fencing, the lease, the document.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::weight::BasisPoints;
use baepo_runtime::target::local::{Agent, AgentError, LocalTarget, StoreError};
use baepo_runtime::target::{Target, TargetError, Token};

use super::{Site, get, metrics, options, staging};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_release_is_staged_scaled_routed_and_discarded() {
    let site = Site::start().await;
    let one = staging(1, &[]);
    let digest = site.stage(&one).await;
    assert_eq!(site.stage(&one).await, digest);
    assert!(get(&site.address, "/").await.contains("no-route"));
    site.scaled(digest, 2).await;
    assert!(get(&site.address, "/").await.starts_with("HTTP/1.1 503"));
    site.route(&Route::all(digest)).await;
    assert!(get(&site.address, "/").await.ends_with("bread by v1\n"));
    assert!(
        get(&site.address, "/env?OVEN_KEY")
            .await
            .ends_with("hot-and-secret")
    );

    let fleet = site.target.observe().await.unwrap();
    assert_eq!(
        (fleet.route, fleet.instances[0].endpoints.len()),
        (Route::all(digest), 2)
    );
    let telemetry = site.target.telemetry(digest).await.unwrap().unwrap();
    assert_eq!((telemetry.requests, telemetry.failures), (2, 0));
    assert_eq!(
        site.target
            .telemetry(Digest::from_bytes([9; 32]))
            .await
            .unwrap(),
        None
    );

    let refused = site.target.discard(site.token, digest).await.unwrap_err();
    assert!(matches!(refused, TargetError::Refused(_)), "{refused}");
    site.route(&Route::NONE).await;
    site.scaled(digest, 0).await;
    site.target.discard(site.token, digest).await.unwrap();
    site.target.discard(site.token, digest).await.unwrap();
    assert_eq!(site.target.observe().await.unwrap().instances, []);
    site.end().await;
}

#[tokio::test]
async fn what_is_not_staged_is_refused_with_its_name() {
    let site = Site::start().await;
    let digest = Digest::from_bytes([7; 32]);
    let scaled = site
        .target
        .scale(site.token, digest, 1)
        .await
        .unwrap_err()
        .to_string();
    let routed = site
        .target
        .route(site.token, &Route::all(digest))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        (scaled.as_str(), routed.as_str()),
        ("release 070707070707 is not staged here", scaled.as_str())
    );
    site.end().await;
}

#[tokio::test]
async fn a_file_that_is_not_what_it_was_said_to_be_is_refused() {
    let site = Site::start().await;
    let mut staging = staging(1, &[]);
    staging.files[0].sha256 = Digest::from_bytes([3; 32]);
    let refused = site
        .target
        .stage(site.token, &staging)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("not sha256:0303"), "{refused}");
    site.end().await;
}

#[tokio::test]
async fn the_lease_has_one_holder_and_older_tokens_change_nothing() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    let held = site
        .target
        .acquire("other", None, MINUTE)
        .await
        .unwrap_err();
    assert!(
        matches!(&held, TargetError::Held(lease) if lease.holder == "test"),
        "{held}"
    );
    let renewed = site
        .target
        .acquire("test", Some(site.token), MINUTE)
        .await
        .unwrap();
    assert_eq!(renewed.token, site.token);

    site.target.release(site.token).await.unwrap();
    let newer = site
        .target
        .acquire("other", None, Duration::ZERO)
        .await
        .unwrap();
    assert!(newer.token > site.token);
    // The new lease has run out already; it is fenced off all the same.
    for outcome in [
        site.target.scale(site.token, digest, 1).await,
        site.target.route(site.token, &Route::NONE).await,
        site.target.stage(site.token, &staging(2, &[])).await,
        site.target.discard(site.token, digest).await,
        site.target.release(site.token).await,
        site.target
            .save_state(Some(site.token), 0, b"{}")
            .await
            .map(|_| ()),
        site.target
            .acquire("test", Some(site.token), MINUTE)
            .await
            .map(|_| ()),
    ] {
        assert!(matches!(outcome, Err(TargetError::Fenced)), "{outcome:?}");
    }
    assert_eq!(site.target.observe().await.unwrap().of(digest).asked, 0);
    let invented = site
        .target
        .scale(Token(99), digest, 1)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(invented, "token 99 was never given out");
    site.end().await;
}

#[tokio::test]
async fn the_document_is_saved_only_over_the_version_that_was_read() {
    let site = Site::start().await;
    let first = site.target.load_state().await.unwrap();
    assert_eq!((first.version, first.bytes.len()), (0, 0));
    let version = site
        .target
        .save_state(Some(site.token), 0, b"one")
        .await
        .unwrap();
    let conflict = site.target.save_state(Some(site.token), 0, b"two").await;
    assert!(
        matches!(conflict, Err(TargetError::Conflict)),
        "{conflict:?}"
    );
    // Signals of people need no lease.
    let version = site
        .target
        .save_state(None, version, b"three")
        .await
        .unwrap();
    let large = vec![b'x'; (256 << 10) + 1];
    assert!(matches!(
        site.target.save_state(None, version, &large).await,
        Err(TargetError::Refused(_))
    ));
    let dir = site.leave().await;
    let site = Site::resume(dir).await;
    let document = site.target.load_state().await.unwrap();
    assert_eq!(
        (document.version, document.bytes.as_slice()),
        (version, b"three".as_slice())
    );
    site.end().await;
}

#[tokio::test]
async fn a_second_agent_on_the_same_directory_is_refused() {
    let site = Site::start().await;
    let second = Agent::start(options(site.dir.path())).await.unwrap_err();
    assert!(
        matches!(second, AgentError::Store(StoreError::Busy { .. })),
        "{second}"
    );
    site.end().await;
}

#[tokio::test]
async fn an_address_in_use_is_named_and_what_serves_goes_on() {
    let site = Site::start().await;
    let other = tempfile::tempdir().unwrap();
    let mut options = options(other.path());
    options.listen = site.address.parse().unwrap();
    let refused = Agent::start(options).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("cannot listen on {}", site.address)
    );
    assert!(get(&site.address, "/").await.contains("no-route"));
    site.end().await;
}

#[tokio::test]
async fn a_damaged_state_is_refused_and_not_overwritten() {
    let site = Site::start().await;
    let dir = site.leave().await;
    let path = dir.path().join("state/agent.json");
    std::fs::write(&path, "{ half").unwrap();
    let refused = Agent::start(options(dir.path())).await.unwrap_err();
    assert!(
        matches!(refused, AgentError::Store(StoreError::Damaged { .. })),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{ half");
}

#[tokio::test]
async fn what_cannot_be_remembered_is_not_done_and_what_serves_goes_on() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    // A folder in the way of the file that is written first: what a full disk
    // is to the agent, for root too.
    let state = site.dir.path().join("state");
    std::fs::create_dir_all(state.join("agent.json.new/in-the-way")).unwrap();
    let refused = site
        .target
        .route(site.token, &Route::NONE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("cannot remember the change") && refused.contains("nothing was changed"),
        "{refused}"
    );
    assert_eq!(
        site.target.observe().await.unwrap().route,
        Route::all(digest)
    );
    assert!(get(&site.address, "/").await.ends_with("bread by v1\n"));
    std::fs::remove_dir_all(state.join("agent.json.new")).unwrap();
    site.route(&Route::NONE).await;
    site.end().await;
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = LocalTarget::new(dir.path().join("control"));
    let error = nobody.observe().await.unwrap_err();
    assert!(matches!(&error, TargetError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().ends_with("control is not reachable"),
        "{error}"
    );
}

#[tokio::test]
async fn secrets_and_control_are_for_the_owner_alone() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    let mode = |path: &str| {
        let path = site.dir.path().join(path);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("control"), 0o600);
    assert_eq!(
        mode(&format!("state/releases/{}/secrets.json", digest.hex())),
        0o600
    );
    let remembered = std::fs::read_to_string(site.dir.path().join("state/agent.json")).unwrap();
    assert!(!remembered.contains("hot-and-secret") && remembered.contains("newest-token"));
    site.end().await;
}

#[tokio::test]
async fn the_agent_says_what_it_is_and_counts_for_prometheus() {
    let site = Site::start().await;
    let description = site.target.describe().await.unwrap();
    assert_eq!(description.name, format!("local agent on {}", site.address));
    assert_eq!(description.weight_granularity, BasisPoints::saturating(1));
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    get(&site.address, "/").await;
    let status = site.target.status().await.unwrap();
    assert_eq!(
        status.lease.map(|lease| lease.holder).as_deref(),
        Some("test")
    );
    let page = metrics(&site.target).await;
    assert!(
        page.contains(&format!("baepo_requests_total{{release=\"{digest}\"}} 1\n")),
        "{page}"
    );
    assert!(
        page.contains("baepo_request_duration_seconds_bucket{release="),
        "{page}"
    );
    assert!(
        page.contains(&format!(
            "baepo_route_basis_points{{release=\"{digest}\"}} 10000\n"
        )),
        "{page}"
    );
    site.end().await;
}
