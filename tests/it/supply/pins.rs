//! The lockfile and `sha256:`: what is pinned is what is used, and a file that
//! is not right is left alone.

use baepo_runtime::capability::Capability;
use baepo_runtime::plugin::wishes::{Wish, Wishes, with_wishes};

use super::{Shop, check, component, nonsense};
use crate::host::guest::digest;
use crate::life::{Checkout, said};

fn write(shop: &Shop, path: &str, bytes: &[u8]) {
    std::fs::write(shop.checkout.path().join(path), bytes).unwrap();
}

fn wishing(name: &str, scopes: &[(Capability, &str)]) -> Vec<u8> {
    let wishes = scopes.iter().map(|(capability, scope)| Wish {
        capability: *capability,
        scope: (*scope).into(),
        reason: "it has to".into(),
    });
    let wishes = Wishes::new(wishes.collect()).unwrap();
    with_wishes(&component(name), &wishes).unwrap()
}

#[test]
fn a_digest_that_differs_is_refused_and_what_serves_still_serves() {
    let mut checkout = Checkout::new();
    let direct = "    strategy:\n      plugin: builtin:direct\n      with: { bake: 1s, max-observe: 2s }\n    on-no-evidence: continue-on-health\n    progress-deadline: 5s\n";
    checkout.commit("v1", &checkout.config("hello", direct));
    checkout.start_agent();
    let output = checkout.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let served = checkout.head();
    std::fs::write(checkout.path().join("decider.wasm"), nonsense()).unwrap();
    let pinned = digest(&component("direct"));
    let pin = format!("      sha256: {}\n", pinned.hex());
    let settings = super::settings("./decider.wasm", &pin);
    checkout.write("baepo.yml", &checkout.config("other", &settings));
    let found = digest(&nonsense()).to_string();
    let words = [
        "baepo.yml:",
        "decider",
        &pinned.to_string(),
        &found,
        "`sha256:`",
    ];
    let text = check(&checkout.run(&["run"]), 2, &words);
    assert!(!text.contains("damaged"), "it was parsed: {text}");
    assert_eq!(checkout.serves_wholly(), Some(served));
}

#[test]
fn a_path_may_be_pinned_and_then_nothing_else_is_used() {
    let shop = Shop::with_strategy("./decider.wasm", "");
    write(&shop, "decider.wasm", &component("direct"));
    shop.check(&["plan"], 0, &["production"]);
    let hex = digest(&component("direct")).hex();
    shop.check(
        &["plugin", "add", "./decider.wasm"],
        0,
        &["plugin: ./decider.wasm", &hex],
    );
    shop.check(&["plan"], 0, &["production"]);
    write(&shop, "decider.wasm", &nonsense());
    let text = shop.check(
        &["plan"],
        2,
        &["is pinned", &hex, "baepo plugin update ./decider.wasm"],
    );
    assert!(!text.contains("damaged"), "it was parsed: {text}");
    shop.check(&["plugin", "update"], 2, &["damaged"]);
    assert!(
        shop.read("baepo.lock").contains(&hex),
        "the lock is as it was"
    );
    write(&shop, "decider.wasm", &component("blue-green"));
    shop.check(&["plugin", "update", "decider"], 0, &[&hex, "sha256"]);
    shop.check(&["plan"], 0, &["production"]);
}

#[test]
fn two_pins_that_disagree_are_a_mistake() {
    let pin = format!("      sha256: {}\n", "0".repeat(63) + "1");
    let shop = Shop::with_strategy("./decider.wasm", &pin);
    write(&shop, "decider.wasm", &component("direct"));
    shop.check(&["plugin", "add", "./decider.wasm"], 0, &[]);
    shop.check(&["plan"], 2, &["baepo.lock pins", "keep one of them"]);
}

#[test]
fn a_lockfile_with_mistakes_is_shown_and_never_overwritten() {
    let shop = Shop::with_strategy("./decider.wasm", "");
    write(&shop, "decider.wasm", &component("direct"));
    for (text, words) in [
        (
            "version: 1\nplugins:\n  ./decider.wasm: { sha256: abc }\n",
            ["baepo.lock:3:", "64 digits"],
        ),
        (
            "version: 9\nplugins: later\n",
            ["baepo.lock:1:10", "version 1"],
        ),
        ("<<<<<<< ours\nversion: 1\n", ["baepo.lock", "error"]),
    ] {
        shop.checkout.write("baepo.lock", text);
        for args in [
            &["plan"][..],
            &["run"],
            &["plugin", "fetch"],
            &["plugin", "update"],
            &["plugin", "add", "./decider.wasm"],
        ] {
            shop.check(args, 2, &words);
            assert_eq!(shop.read("baepo.lock"), text);
        }
    }
}

#[test]
fn what_a_new_version_wants_more_is_told_when_it_is_updated() {
    let shop = Shop::with_strategy("./decider.wasm", "");
    write(
        &shop,
        "decider.wasm",
        &wishing("direct", &[(Capability::Run, "cargo")]),
    );
    shop.check(
        &["plugin", "add", "./decider.wasm"],
        0,
        &["allow:", "# run cargo: it has to", "run: [cargo]"],
    );
    shop.check(&["plan"], 0, &["production"]);
    let more = [
        (Capability::Run, "cargo"),
        (Capability::Net, "https://evil.dev"),
    ];
    write(&shop, "decider.wasm", &wishing("direct", &more));
    shop.check(&["plan"], 2, &["is pinned"]);
    shop.check(
        &["plugin", "update"],
        0,
        &["its wishes changed", "+ net https://evil.dev: it has to"],
    );
    shop.check(&["plan"], 0, &["production"]);
    // A lockfile that hides what a plugin wants does not get past a run.
    let lock = shop.read("baepo.lock");
    let hidden: Vec<&str> = lock
        .lines()
        .filter(|line| !line.contains("evil.dev"))
        .collect();
    shop.checkout
        .write("baepo.lock", &(hidden.join("\n") + "\n"));
    shop.check(
        &["plan"],
        2,
        &["wants something else", "baepo plugin update"],
    );
}

#[test]
fn a_pull_request_is_told_what_its_plugins_want_that_they_did_not_before() {
    let shop = Shop::with_strategy("./decider.wasm", "");
    let checkout = &shop.checkout;
    checkout.write("prebuilt", "a program");
    checkout.write(".gitignore", "/state\n/out\n/.baepo\n/event.json\n");
    let run = [(Capability::Run, "cargo")];
    write(&shop, "decider.wasm", &wishing("direct", &run));
    shop.check(&["plugin", "add", "./decider.wasm"], 0, &[]);
    checkout.git(&["add", "--all"]);
    checkout.git(&["commit", "--quiet", "--message", "Pin"]);
    let base = checkout.head();
    let preview = |base: &str| {
        checkout.write(
            "event.json",
            &format!("{{\"pull_request\": {{\"number\": 7, \"base\": {{\"sha\": \"{base}\"}}}}}}"),
        );
        let summary = checkout.path().join("out/summary.md");
        let _ = std::fs::remove_file(&summary);
        let output = shop
            .baepo(&["run"])
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_EVENT_PATH", checkout.path().join("event.json"))
            .env("GITHUB_STEP_SUMMARY", &summary)
            .output()
            .unwrap();
        check(&output, 0, &[]);
        std::fs::read_to_string(summary).unwrap()
    };
    assert!(!preview(&base).contains("something else"));
    let more = [
        run[0],
        (Capability::Net, "https://evil.dev"),
        (Capability::Secrets, "TOKEN"),
    ];
    write(&shop, "decider.wasm", &wishing("direct", &more));
    shop.check(&["plugin", "update"], 0, &[]);
    let told = preview(&base);
    for line in [
        "**Plugins want something else than before**",
        "- `./decider.wasm`",
        "  - `+ net https://evil.dev: it has to`",
        "  - `+ secrets TOKEN: it has to`",
    ] {
        assert!(told.contains(line), "{line} is not in: {told}");
    }
    // What cannot be compared is not passed off as compared.
    let told = preview(&"ab".repeat(20));
    assert!(told.contains("was not compared with the base"), "{told}");
    assert!(told.contains("fetch-depth"), "{told}");
}

#[test]
fn inspect_looks_and_runs_nothing() {
    let shop = Shop::with_strategy("builtin:direct", "");
    write(
        &shop,
        "x.wasm",
        &wishing("traffic", &[(Capability::Net, "*")]),
    );
    shop.check(
        &["plugin", "inspect", "x.wasm"],
        0,
        &[
            "monitor",
            "baepo:hooks/types@0.1.0",
            "net whatever you say: it has to",
            "not used",
        ],
    );
    let text = shop.check(
        &["plugin", "inspect", "builtin:canary", "--output", "json"],
        0,
        &[],
    );
    let line = text
        .lines()
        .find_map(|line| line.find('{').map(|at| &line[at..]))
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["format"], "baepo-plugin-1");
    assert_eq!(value["digest"], digest(&component("canary")).to_string());
    assert_eq!(value["hooks"], serde_json::json!(["strategy"]));
    assert_eq!(value["wishes"], serde_json::Value::Null);
    // One that would loop for ever when it starts is looked at like any other.
    write(
        &shop,
        "loop.wasm",
        &crate::host::guest::component("endless-start").unwrap(),
    );
    shop.check(&["plugin", "inspect", "loop.wasm"], 0, &["strategy"]);
    write(&shop, "bad.wasm", &nonsense());
    shop.check(
        &["plugin", "inspect", "bad.wasm"],
        2,
        &["bad.wasm", "damaged"],
    );
    shop.check(&["plugin", "inspect", "none.wasm"], 2, &["cannot be read"]);
    shop.check(
        &["plugin", "inspect", "builtin:none"],
        2,
        &["one of:", "canary"],
    );
}
