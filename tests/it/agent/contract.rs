//! What every target promises: staging, fencing, the lease, the document; and
//! what the agent promises beside that. The first is asked of every target: each
//! `pub(super)` function is one promise.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::fleet::Route;
use baepo_core::lease::Token;
use baepo_core::weight::BasisPoints;
use baepo_runtime::target::local::{Agent, AgentError, LocalTarget, StoreError};
use baepo_runtime::target::{Document, Staging, Target, TargetError};

use super::{Site, get, metrics, observed, options, staging};

const MINUTE: Duration = Duration::from_secs(60);

/// A target whose lease the test holds, and where its users are.
pub(super) struct Place<'a> {
    pub(super) target: &'a dyn Target,
    pub(super) token: Token,
    pub(super) address: &'a str,
}

impl Place<'_> {
    async fn scaled(&self, digest: Digest, instances: u32) {
        let scaled = self.target.scale(self.token, digest, instances).await;
        scaled.expect("the order is taken");
        let what = "all are ready and no other is left";
        observed(self.target, digest, what, |seen| {
            seen.ready == instances && seen.starting == 0 && seen.draining == 0
        })
        .await;
    }

    async fn route(&self, route: &Route) {
        let routed = self.target.route(self.token, route).await;
        routed.expect("the route is taken");
    }
}

pub(super) async fn staged_scaled_routed_and_discarded(place: &Place<'_>, one: &Staging) {
    let (target, token, digest) = (place.target, place.token, one.release.digest);
    for _ in 0..2 {
        target.stage(token, one).await.expect("it is staged");
    }
    assert!(get(place.address, "/").await.contains("no-route"));
    place.scaled(digest, 2).await;
    assert!(get(place.address, "/").await.starts_with("HTTP/1.1 503"));
    place.route(&Route::all(digest)).await;
    assert!(get(place.address, "/").await.ends_with("bread by v1\n"));
    assert!(get(place.address, "/").await.ends_with("bread by v1\n"));

    let fleet = target.observe().await.unwrap();
    assert_eq!(
        (fleet.route, fleet.instances[0].endpoints.len()),
        (Route::all(digest), 2)
    );
    let telemetry = target.telemetry(digest).await.unwrap().unwrap();
    assert_eq!((telemetry.requests, telemetry.failures), (2, 0));
    let nobody = Digest::from_bytes([9; 32]);
    assert_eq!(target.telemetry(nobody).await.unwrap(), None);

    let refused = target.discard(token, digest).await.unwrap_err();
    assert!(
        matches!(&refused, TargetError::Refused(why) if why.contains("still has instances or traffic")),
        "{refused}"
    );
    place.route(&Route::NONE).await;
    place.scaled(digest, 0).await;
    target.discard(token, digest).await.unwrap();
    target.discard(token, digest).await.unwrap();
    assert_eq!(target.observe().await.unwrap().instances, []);
}

pub(super) async fn refuses_what_is_not_staged(place: &Place<'_>) {
    let digest = Digest::from_bytes([7; 32]);
    for refused in [
        place.target.scale(place.token, digest, 1).await,
        place.target.route(place.token, &Route::all(digest)).await,
    ] {
        let why = refused.unwrap_err().to_string();
        let wanted = "release 070707070707 is not staged here";
        assert!(why.ends_with(wanted), "{why}");
    }
}

pub(super) async fn refuses_a_changed_file(place: &Place<'_>, mut staging: Staging) {
    staging.files[0].sha256 = Digest::from_bytes([3; 32]);
    let refused = place.target.stage(place.token, &staging).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not sha256:0303"), "{refused}");
}

/// `staging` makes a release of a mark.
pub(super) async fn has_one_holder(place: &Place<'_>, staging: impl Fn(u8) -> Staging) {
    let (target, token) = (place.target, place.token);
    let digest = staging(1).release.digest;
    target
        .stage(token, &staging(1))
        .await
        .expect("it is staged");
    let held = target.acquire("other", None, MINUTE).await.unwrap_err();
    assert!(
        matches!(&held, TargetError::Held(lease) if lease.holder == "test"),
        "{held}"
    );
    let renewed = target.acquire("test", Some(token), MINUTE).await.unwrap();
    assert_eq!(renewed.token, token);

    target.release(token).await.unwrap();
    let newer = target.acquire("other", None, Duration::ZERO).await.unwrap();
    assert!(newer.token > token);
    // The new lease has run out already; the old holder is fenced off all the
    // same.
    for outcome in [
        target.scale(token, digest, 1).await,
        target.route(token, &Route::NONE).await,
        target.stage(token, &staging(2)).await,
        target.discard(token, digest).await,
        target.release(token).await,
        target.save_state(Some(token), 0, b"{}").await.map(|_| ()),
        target
            .acquire("test", Some(token), MINUTE)
            .await
            .map(|_| ()),
    ] {
        assert!(matches!(outcome, Err(TargetError::Fenced)), "{outcome:?}");
    }
    assert_eq!(target.observe().await.unwrap().of(digest).asked, 0);
    let invented = target.scale(Token(99), digest, 1).await;
    let invented = invented.unwrap_err().to_string();
    assert_eq!(invented, "token 99 was never given out");
}

/// The version and the content that it ends with.
pub(super) async fn saves_only_over_what_was_read(place: &Place<'_>) -> Document {
    let (target, token) = (place.target, place.token);
    let first = target.load_state().await.unwrap();
    assert_eq!((first.version, first.bytes.len()), (0, 0));
    let version = target.save_state(Some(token), 0, b"one").await.unwrap();
    let conflict = target.save_state(Some(token), 0, b"two").await;
    assert!(
        matches!(conflict, Err(TargetError::Conflict)),
        "{conflict:?}"
    );
    // A renewal is no change of the state.
    target.acquire("test", Some(token), MINUTE).await.unwrap();
    // Signals of people need no lease.
    let version = target.save_state(None, version, b"three").await.unwrap();
    let large = vec![b'x'; (256 << 10) + 1];
    assert!(matches!(
        target.save_state(None, version, &large).await,
        Err(TargetError::Refused(_))
    ));
    let bytes = b"three".to_vec();
    Document { version, bytes }
}

fn place(site: &Site) -> Place<'_> {
    Place {
        target: &site.target,
        token: site.token,
        address: &site.address,
    }
}

#[tokio::test]
async fn a_release_is_staged_scaled_routed_and_discarded() {
    let site = Site::start().await;
    staged_scaled_routed_and_discarded(&place(&site), &staging(1, &[])).await;
    site.end().await;
}

#[tokio::test]
async fn instances_have_the_secrets_of_their_release() {
    let site = Site::start().await;
    let digest = site.stage(&staging(1, &[])).await;
    site.scaled(digest, 1).await;
    site.route(&Route::all(digest)).await;
    let said = get(&site.address, "/env?OVEN_KEY").await;
    assert!(said.ends_with("hot-and-secret"), "{said}");
    site.end().await;
}

#[tokio::test]
async fn what_is_not_staged_is_refused_with_its_name() {
    let site = Site::start().await;
    refuses_what_is_not_staged(&place(&site)).await;
    site.end().await;
}

#[tokio::test]
async fn a_file_that_is_not_what_it_was_said_to_be_is_refused() {
    let site = Site::start().await;
    refuses_a_changed_file(&place(&site), staging(1, &[])).await;
    site.end().await;
}

#[tokio::test]
async fn the_lease_has_one_holder_and_older_tokens_change_nothing() {
    let site = Site::start().await;
    has_one_holder(&place(&site), |mark| staging(mark, &[])).await;
    site.end().await;
}

#[tokio::test]
async fn the_document_is_saved_only_over_the_version_that_was_read() {
    let site = Site::start().await;
    let saved = saves_only_over_what_was_read(&place(&site)).await;
    let dir = site.leave().await;
    let site = Site::resume(dir).await;
    assert_eq!(site.target.load_state().await.unwrap(), saved);
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
