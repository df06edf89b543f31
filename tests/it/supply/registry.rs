//! Plugins in a real registry: pushed, pulled back by somebody else's tool,
//! pinned, used without a network, and refused when anything is not as pinned.

use std::process::Command;

use super::server::Registry;
use super::{Shop, check, component, nonsense, settings};
use crate::host::guest::digest;
use crate::life::Checkout;

/// Push a component and give the name that comes out.
fn push(shop: &Shop, bytes: &[u8], to: &str) -> String {
    std::fs::write(shop.checkout.path().join("pushed.wasm"), bytes).unwrap();
    let text = shop.check(&["plugin", "push", "pushed.wasm", to], 0, &["oci://"]);
    let line = text.lines().next().unwrap();
    line[line.find("oci://").unwrap()..].to_owned()
}

#[test]
fn what_is_pushed_is_pulled_back_by_skopeo() {
    let registry = Registry::start();
    let shop = Shop::with_strategy("builtin:direct", "");
    let bytes = component("canary");
    let name = registry.name("acme/canary:1.2");
    let pinned = push(&shop, &bytes, &name);
    assert_eq!(
        push(&shop, &bytes, &name),
        pinned,
        "pushed twice, one digest"
    );
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--src-tls-verify=false"])
        .arg(format!("docker://{}/acme/canary:1.2", registry.address))
        .arg(format!("dir:{}", folder.path().display()))
        .output()
        .expect("skopeo is installed: cargo xtask ci install");
    check(&copied, 0, &[]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let manifest = read("manifest.json");
    assert!(
        pinned.ends_with(&format!("@{}", digest(&manifest))),
        "{pinned}"
    );
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(read(&digest(&bytes).hex()), bytes);
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config: serde_json::Value =
        serde_json::from_slice(&read(config.strip_prefix("sha256:").unwrap())).unwrap();
    assert_eq!(config["os"], "wasip2");
    assert_eq!(config["layerDigests"][0], digest(&bytes).to_string());
    let exports = config["component"]["exports"].as_array().unwrap();
    assert!(
        exports.contains(&"baepo:hooks/strategy@0.1.0".into()),
        "{config}"
    );
}

#[test]
fn a_tag_is_pinned_once_and_then_used_without_the_registry() {
    let mut registry = Registry::start();
    let name = registry.name("acme/decider:1");
    let mut checkout = Checkout::new();
    let shop = Shop::with_strategy(&name, "");
    push(&shop, &component("direct"), &name);
    shop.check(
        &["plan"],
        2,
        &[
            "baepo.yml",
            "`decider` is not pinned",
            "baepo plugin add",
            &name,
        ],
    );
    let added = shop.check(
        &["plugin", "add", &name],
        0,
        &["plugin: oci://", "states no wishes"],
    );
    let hex = digest(&component("direct")).hex();
    assert!(added.contains(&hex), "{added}");
    let lock = shop.read("baepo.lock");
    assert!(lock.contains(&hex) && lock.contains("@sha256:"), "{lock}");

    // A whole run, with what was pinned and without anybody to ask.
    registry.stop();
    checkout.commit("v1", &checkout.config("hello", &settings(&name, "")));
    checkout.write("baepo.lock", &lock);
    checkout.start_agent();
    let run = |checkout: &Checkout| {
        let mut command = checkout.baepo(&["run"]);
        command.env("XDG_CACHE_HOME", shop.home.path());
        command.output().unwrap()
    };
    check(&run(&checkout), 0, &[]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));

    // The same lock and an empty cache: nothing is there, and v1 still serves.
    let served = checkout.head();
    checkout.commit("v2", &checkout.config("other", &settings(&name, "")));
    std::fs::remove_file(shop.cached(&component("direct"))).unwrap();
    check(
        &run(&checkout),
        7,
        &["`decider` cannot be used", "cannot be reached", "help:"],
    );
    assert_eq!(checkout.serves_wholly(), Some(served));
}

#[test]
fn a_tag_that_moves_changes_nothing_until_it_is_updated() {
    let registry = Registry::start();
    let name = registry.name("acme/decider:1");
    let shop = Shop::with_strategy(&name, "");
    push(&shop, &component("direct"), &name);
    shop.check(&["plugin", "add", &name], 0, &[]);
    let pinned = shop.read("baepo.lock");
    push(&shop, &component("blue-green"), &name);
    std::fs::remove_file(shop.cached(&component("direct"))).unwrap();
    let fetched = shop.check(&["plugin", "fetch"], 0, &["fetched", &name]);
    assert!(fetched.contains(&digest(&component("direct")).to_string()));
    shop.check(&["plugin", "fetch"], 0, &["here", &name]);
    assert_eq!(shop.read("baepo.lock"), pinned);
    let (before, after) = (
        digest(&component("direct")).hex(),
        digest(&component("blue-green")).hex(),
    );
    shop.check(
        &["plugin", "update", "decider"],
        0,
        &[&name, &before, &after, "wishes are unchanged"],
    );
    assert!(shop.read("baepo.lock").contains(&after));
    shop.check(&["plugin", "update", &name], 0, &["unchanged"]);
    shop.check(
        &["plugin", "update", "nobody"],
        2,
        &["does not pin `nobody`", &name],
    );
}

#[test]
fn a_digest_in_the_name_needs_no_lockfile() {
    let mut registry = Registry::start();
    let shop = Shop::with_strategy("builtin:direct", "");
    let pinned = push(
        &shop,
        &component("direct"),
        &registry.name("acme/decider:1"),
    );
    shop.use_strategy(&pinned, "");
    shop.check(&["plan"], 0, &["production"]);
    assert!(!shop.checkout.path().join("baepo.lock").exists());
    registry.stop();
    shop.check(&["plan"], 0, &["production"]);
    let last = if pinned.ends_with('0') { '1' } else { '0' };
    let other = format!("{}{last}", &pinned[..pinned.len() - 1]);
    shop.use_strategy(&other, "");
    shop.check(&["plan"], 7, &["cannot be reached"]);
}

#[test]
fn what_the_registry_changed_is_refused_before_it_is_parsed() {
    let registry = Registry::start();
    let name = registry.name("acme/decider:1");
    let shop = Shop::with_strategy(&name, "");
    let bytes = component("direct");
    push(&shop, &bytes, &name);
    shop.check(&["plugin", "add", &name], 0, &[]);
    let hex = digest(&bytes).hex();
    let blobs = registry
        .folder
        .path()
        .join("storage/docker/registry/v2/blobs/sha256");
    let blob = blobs.join(&hex[..2]).join(&hex).join("data");
    assert_eq!(std::fs::read(&blob).unwrap(), bytes);
    std::fs::write(&blob, nonsense()).unwrap();
    std::fs::remove_file(shop.cached(&bytes)).unwrap();
    let text = shop.check(&["plan"], 2, &["not what it was asked for", "help:"]);
    assert!(!text.contains("damaged"), "{text}");
    assert!(!shop.cached(&bytes).exists() && !shop.cached(&nonsense()).exists());
}

#[test]
fn a_changed_copy_in_the_cache_is_fetched_again_or_refused() {
    let mut registry = Registry::start();
    let name = registry.name("acme/decider:1");
    let shop = Shop::with_strategy(&name, "");
    let bytes = component("direct");
    push(&shop, &bytes, &name);
    shop.check(&["plugin", "add", &name], 0, &[]);
    std::fs::write(shop.cached(&bytes), nonsense()).unwrap();
    shop.check(&["plan"], 0, &["production"]);
    assert_eq!(std::fs::read(shop.cached(&bytes)).unwrap(), bytes);
    registry.stop();
    std::fs::write(shop.cached(&bytes), nonsense()).unwrap();
    let text = shop.check(&["plan"], 7, &["cannot be reached"]);
    assert!(!text.contains("damaged"), "{text}");
}

#[test]
fn what_is_not_in_the_registry_or_no_plugin_is_said_to_be_so() {
    let registry = Registry::start();
    let shop = Shop::with_strategy("builtin:direct", "");
    let missing = registry.name("acme/nothing:1");
    shop.check(&["plugin", "add", &missing], 2, &["there is no", &missing]);
    assert!(!shop.checkout.path().join("baepo.lock").exists());
    std::fs::write(shop.checkout.path().join("x.wasm"), nonsense()).unwrap();
    let to = registry.name("acme/x:1");
    shop.check(
        &["plugin", "push", "x.wasm", &to],
        2,
        &["x.wasm", "damaged"],
    );
    shop.check(
        &["plugin", "push", "x.wasm", &registry.name("acme/x")],
        2,
        &["needs a tag"],
    );

    // What another tool puts there as an image is not a plugin.
    let folder = tempfile::tempdir().unwrap();
    let oci = folder.path().join("layout");
    std::fs::create_dir_all(oci.join("blobs/sha256")).unwrap();
    let blob = |bytes: &[u8]| {
        std::fs::write(oci.join("blobs/sha256").join(digest(bytes).hex()), bytes).unwrap();
        (digest(bytes).to_string(), bytes.len())
    };
    let (config, config_size) =
        blob(br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#);
    let (layer, layer_size) = blob(b"not really a tar");
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": layer_size }],
    });
    let (manifest, manifest_size) = blob(manifest.to_string().as_bytes());
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": manifest_size }] });
    std::fs::write(oci.join("index.json"), index.to_string()).unwrap();
    std::fs::write(oci.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let copied = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--dest-tls-verify=false"])
        .arg(format!("oci:{}", oci.display()))
        .arg(format!("docker://{}/acme/image:1", registry.address))
        .output()
        .unwrap();
    check(&copied, 0, &[]);
    shop.check(
        &["plugin", "add", &registry.name("acme/image:1")],
        2,
        &["is no component", "layer.v1.tar", "baepo plugin push"],
    );
}

#[test]
fn a_closed_registry_takes_the_credentials_of_docker_login() {
    let registry = Registry::start_closed();
    let name = registry.name("acme/decider:1");
    let shop = Shop::with_strategy("builtin:direct", "");
    let file = shop.checkout.path().join("pushed.wasm");
    std::fs::write(&file, component("direct")).unwrap();
    let push = ["plugin", "push", "pushed.wasm", &name];
    shop.check(&push, 2, &["credentials", "docker login"]);
    let log_in = |password: &str| {
        let login = Command::new("skopeo")
            .args(["login", "--tls-verify=false", "--username", "me"])
            .args(["--password", password, "--authfile"])
            .arg(shop.home.path().join(".docker/config.json"))
            .arg(&registry.address)
            .output()
            .unwrap();
        login.status.success()
    };
    std::fs::create_dir_all(shop.home.path().join(".docker")).unwrap();
    assert!(!log_in("guessed"), "the registry takes anybody");
    assert!(log_in("hunter2"));
    let text = shop.check(&push, 0, &["@sha256:"]);
    assert!(!text.contains("hunter2"), "{text}");
    let text = shop.check(&["plugin", "add", &name], 0, &["plugin: oci://"]);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!shop.read("baepo.lock").contains("hunter2"));
}
