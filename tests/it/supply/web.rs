//! Plugins from the web: whole, in time, of a bounded size, and the pinned ones.

use super::server::{Answer, Files};
use super::{Shop, component, nonsense};
use crate::host::guest::digest;

#[test]
fn a_file_from_the_web_is_pinned_and_then_fetched_once() {
    let bytes = component("direct");
    let files = Files::serve(Answer::File(bytes.clone()));
    let url = files.url("plugins/decider.wasm");
    let shop = Shop::with_strategy(&url, "");
    shop.check(&["plan"], 2, &["is not pinned", "baepo plugin add"]);
    assert_eq!(files.asked(), 0, "nothing is fetched that is not pinned");
    shop.check(&["plugin", "add", &url], 0, &[&digest(&bytes).hex()]);
    shop.check(&["plan"], 0, &["production"]);
    assert_eq!(files.asked(), 1, "it was in the cache");
    std::fs::remove_file(shop.cached(&bytes)).unwrap();
    shop.check(&["plan"], 0, &["production"]);
    assert_eq!(files.asked(), 2);
}

#[test]
fn another_file_under_the_same_name_is_refused_before_it_is_parsed() {
    let files = Files::serve(Answer::File(nonsense()));
    let url = files.url("decider.wasm");
    let pin = format!("      sha256: {}\n", digest(&component("direct")).hex());
    let shop = Shop::with_strategy(&url, &pin);
    let found = digest(&nonsense()).to_string();
    let text = shop.check(&["plan"], 2, &["is pinned", &found, "help:"]);
    assert!(!text.contains("damaged"), "{text}");
    assert!(!shop.cached(&nonsense()).exists());
    // Without a pin it is parsed, which shows that the bytes would have told.
    shop.check(&["plugin", "add", &url], 2, &["damaged"]);
}

#[test]
fn what_is_not_whole_is_not_kept() {
    let bytes = component("direct");
    let files = Files::serve(Answer::Half(bytes.clone()));
    let url = files.url("decider.wasm");
    let pin = format!("      sha256: {}\n", digest(&bytes).hex());
    let shop = Shop::with_strategy(&url, &pin);
    shop.check(&["plan"], 7, &["is not whole", "try again"]);
    shop.check(&["plugin", "add", &url], 7, &["is not whole"]);
    assert!(!shop.cached(&bytes).exists());
    assert!(!shop.cached(&bytes[..bytes.len() / 2]).exists());
    assert!(!shop.checkout.path().join("baepo.lock").exists());
}

#[test]
fn what_is_too_large_is_not_read_to_its_end() {
    for length in [None, Some(1 << 40)] {
        let files = Files::serve(Answer::Endless(length));
        let shop = Shop::with_strategy("builtin:direct", "");
        let url = files.url("endless.wasm");
        shop.check(&["plugin", "add", &url], 2, &["is larger than", "help:"]);
    }
}

#[test]
fn what_the_server_says_is_told() {
    for (status, code, word) in [
        ("404 Not Found", 2, "there is no"),
        ("403 Forbidden", 2, "credentials"),
        ("500 Internal Server Error", 7, "500"),
    ] {
        let files = Files::serve(Answer::Status(status));
        let shop = Shop::with_strategy("builtin:direct", "");
        let url = files.url("decider.wasm");
        shop.check(&["plugin", "add", &url], code, &[word, &url]);
    }
}

#[test]
fn a_redirect_is_followed_a_few_times_and_the_pin_still_decides() {
    let bytes = component("direct");
    let files = Files::serve(Answer::File(bytes.clone()));
    let announced = Files::serve(Answer::Elsewhere(files.url("v1/decider.wasm")));
    let shop = Shop::with_strategy("builtin:direct", "");
    let url = announced.url("decider.wasm");
    shop.check(&["plugin", "add", &url], 0, &[&digest(&bytes).hex()]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let itself = format!("http://{}/decider.wasm", listener.local_addr().unwrap());
    drop(listener);
    let circle = Files::serve(Answer::Elsewhere("/decider.wasm".into()));
    let url = circle.url("decider.wasm");
    shop.check(&["plugin", "add", &url], 7, &["redirect"]);
    assert!(circle.asked() < 10, "{}", circle.asked());
    shop.check(&["plugin", "add", &itself], 7, &["cannot be reached"]);
}

#[test]
fn plain_http_is_refused_where_it_is_not_this_machine() {
    let shop = Shop::with_strategy("http://plugins.acme.dev/x.wasm", "");
    shop.check(&["plan"], 2, &["plain HTTP", "https://"]);
    let url = "https://me:hunter2@plugins.acme.dev/x.wasm";
    shop.check(&["plugin", "add", url], 2, &["does not belong into a file"]);
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    use baepo_runtime::supply::{Cache, FetchError, FetchLimits, Fetcher};
    use std::time::{Duration, Instant};

    // Nobody accepts: the system takes the connection, and that is all.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let limits = FetchLimits {
        time: Duration::from_millis(300),
        ..FetchLimits::default()
    };
    let fetcher = Fetcher::new(Cache::at(folder.path()), limits);
    for source in [
        format!("http://{address}/x.wasm"),
        format!("oci://{address}/acme/x:1"),
    ] {
        let begun = Instant::now();
        let source = source.parse().unwrap();
        for fetched in [
            fetcher.resolve(&source).await,
            fetcher.obtain(&source, digest(b"x")).await,
        ] {
            assert!(
                matches!(fetched, Err(FetchError::Timeout { .. })),
                "{fetched:?}"
            );
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
