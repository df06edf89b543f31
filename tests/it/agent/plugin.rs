//! The same promises of a target that is a plugin: `programs`, whose programs put
//! instances behind an agent of their own.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::lease::Token;
use baepo_runtime::capability::store::{DocumentStore, FileStore, MemoryStore};
use baepo_runtime::plugin::{CallContext, Plugin};
use baepo_runtime::target::plugin::PluginTarget;
use baepo_runtime::target::{Staging, Target, TargetError};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::contract::{self, Place};
use super::process::{AgentProcess, free_address};
use super::{observed, staging};
use crate::host::guest;
use crate::service::PROGRAM;

pub(crate) const PLACE: &str = env!("CARGO_BIN_EXE_test-place");

/// An agent as the place, and the plugin that drives it.
struct Site {
    checkout: TempDir,
    address: String,
    target: PluginTarget,
    token: Token,
    _agent: AgentProcess,
}

async fn programs(grants: &str) -> Plugin {
    guest::builtin("programs", grants).await
}

fn settings(control: &Path) -> Value {
    let program = |call: &str| json!(["./place", call]);
    json!({
        "observe": program("observe"), "stage": program("stage"), "scale": program("scale"),
        "route": program("route"), "discard": program("discard"),
        "telemetry": program("telemetry"), "logs": program("logs"),
        "env": { "PLACE_CONTROL": control, "PLACE_COMMAND": "shop" },
    })
}

fn context(checkout: &Path) -> CallContext {
    CallContext {
        checkout: Some(checkout.into()),
        store: Some(Arc::new(FileStore::new(checkout.join("document")))),
        ..CallContext::bare()
    }
}

impl Site {
    async fn start() -> Site {
        let checkout = tempfile::tempdir().unwrap();
        let address = free_address();
        let agent = AgentProcess::start(checkout.path(), &address).await;
        std::os::unix::fs::symlink(PLACE, checkout.path().join("place")).unwrap();
        std::fs::copy(PROGRAM, checkout.path().join("built")).unwrap();
        let plugin = programs(r#"{"run": ["./place"]}"#).await;
        let config = settings(&checkout.path().join("control")).to_string();
        let target = PluginTarget::new(plugin, config, context(checkout.path()));
        let lease = target.acquire("test", None, Duration::from_secs(600)).await;
        let token = lease.expect("the lease is free").token;
        Site {
            checkout,
            address,
            target,
            token,
            _agent: agent,
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            target: &self.target,
            token: self.token,
            address: &self.address,
        }
    }

    /// A release whose program is a file of the checkout.
    fn staging(&self, mark: u8) -> Staging {
        let mut staging = staging(mark, &[]);
        staging.files[0].source = self.checkout.path().join("built");
        let files = staging.files.iter();
        let files: Vec<Value> = files
            .map(|file| {
                json!({ "name": file.name, "sha256": file.sha256, "executable": file.executable })
            })
            .collect();
        let env = json!({ "REVISION": format!("v{mark}") });
        staging.manifest = json!({ "files": files, "env": env }).to_string();
        staging
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_staged_scaled_routed_and_discarded() {
    let site = Site::start().await;
    contract::staged_scaled_routed_and_discarded(&site.place(), &site.staging(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_staged_is_refused_with_its_name() {
    let site = Site::start().await;
    contract::refuses_what_is_not_staged(&site.place()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_it_was_said_to_be_is_refused() {
    let site = Site::start().await;
    contract::refuses_a_changed_file(&site.place(), site.staging(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_has_one_holder_and_older_tokens_change_nothing() {
    let site = Site::start().await;
    contract::has_one_holder(&site.place(), |mark| site.staging(mark)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_saved_only_over_the_version_that_was_read() {
    let site = Site::start().await;
    let saved = contract::saves_only_over_what_was_read(&site.place()).await;
    // Another process, later.
    let plugin = programs("{}").await;
    let config = settings(Path::new("/nowhere")).to_string();
    let later = PluginTarget::new(plugin, config, context(site.checkout.path()));
    assert_eq!(later.load_state().await.unwrap(), saved);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_instances_write_becomes_files_that_grow() {
    let site = Site::start().await;
    let (target, token) = (&site.target, site.token);
    let staging = site.staging(1);
    let digest = staging.release.digest;
    target.stage(token, &staging).await.unwrap();
    target.scale(token, digest, 1).await.unwrap();
    observed(target, digest, "it is ready", |seen| seen.ready == 1).await;
    let files = target.outputs(digest).await.unwrap();
    let [file] = files.as_slice() else {
        panic!("{files:?}")
    };
    let part = target.read_output(digest, &file.name, 0, 4096).await;
    let part = part.unwrap().expect("there is such a file");
    let text = String::from_utf8(part.content).unwrap();
    assert!(text.starts_with("listening on "), "{text}");
    assert_eq!(part.size_bytes, file.size_bytes);
    // The same lines again are the same file.
    assert_eq!(target.outputs(digest).await.unwrap(), files);
    let none = target.read_output(digest, "nobody.log", 0, 1).await;
    assert_eq!(none.unwrap(), None);
}

/// The place with a document that is no envelope, or nothing granted.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let told = async |grants: &str, config: Value, document: Option<&str>| {
        let store = MemoryStore::default();
        if let Some(document) = document {
            store.save(0, document.as_bytes()).unwrap();
        }
        let context = CallContext {
            store: Some(Arc::new(store)),
            ..context(folder.path())
        };
        let target = PluginTarget::new(programs(grants).await, config.to_string(), context);
        let observed = target.observe().await.unwrap_err().to_string();
        let acquired = target.acquire("test", None, Duration::from_secs(1)).await;
        (
            observed,
            acquired.map(drop).map_err(|error| error.to_string()),
        )
    };
    let (observed, acquired) = told("{}", json!({}), None).await;
    let wanted = "the target `guest`: it needs `run: ./deploy`, which is not granted; \
        it was denied run `./deploy`; to allow it: allow: { run: [\"./deploy\"] }";
    assert_eq!((observed.as_str(), acquired), (wanted, Ok(())));
    let (observed, _) = told("{}", json!({ "scale": [] }), None).await;
    assert!(
        observed.contains("its configuration is wrong: `scale` names no program"),
        "{observed}"
    );
    let theirs = "{\"token\":1,\"version\":1}\nof somebody else";
    let (_, acquired) = told("{}", json!({}), Some(theirs)).await;
    let why = acquired.unwrap_err();
    assert_eq!(
        why,
        "the target `guest`: the document that it keeps was not written by this version of baepo; nothing was changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_the_lease_at_once_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = programs("{}").await;
    let got = Arc::new(Mutex::new(Vec::new()));
    let mut all = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (plugin, got, context) = (plugin.clone(), Arc::clone(&got), context(folder.path()));
        all.spawn(async move {
            let target = PluginTarget::new(plugin, "{}".into(), context);
            let holder = format!("run {number}");
            match target.acquire(&holder, None, Duration::from_secs(60)).await {
                Ok(lease) => got.lock().unwrap().push(lease.token),
                Err(TargetError::Held(_)) => {}
                Err(error) => panic!("{error}"),
            }
        });
    }
    all.join_all().await;
    assert_eq!(*got.lock().unwrap(), [Token(1)]);
    let nobody = Digest::from_bytes([1; 32]);
    let target = PluginTarget::new(plugin, "{}".into(), context(folder.path()));
    let fenced = target.scale(Token(0), nobody, 1).await;
    assert!(matches!(fenced, Err(TargetError::Fenced)), "{fenced:?}");
}
