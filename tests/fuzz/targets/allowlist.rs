//! Two lines of patterns and what is asked of them. No bound may give more than
//! there was without it, and no name leads inside without an entry for that.

#![no_main]

use std::net::IpAddr;

use baepo_runtime::capability::Capability;
use baepo_runtime::capability::address::{Destination, is_public};
use baepo_runtime::capability::grants::{Grants, PathPattern};
use baepo_runtime::capability::permit::{Layer, LayerKind, Permit};
use libfuzzer_sys::fuzz_target;

/// Pairs of a capability's first letter and an entry, separated by blanks.
fn grants(line: &str) -> Grants {
    let mut grants = Grants::default();
    for word in line.split(' ') {
        let Some((key, entry)) = word.split_once('=') else {
            continue;
        };
        let capability = Capability::ALL
            .into_iter()
            .find(|one| one.key().starts_with(key));
        if let Some(capability) = capability {
            // An entry that is none is refused, and nothing was added.
            let before = grants.clone();
            if grants.push(capability, entry).is_err() {
                assert_eq!(grants, before);
            }
        }
    }
    grants
}

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let (allow, bound) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let layer = Layer {
        kind: LayerKind::Policy,
        covered: grants(bound),
        open: [].into(),
    };
    let allow = grants(allow);
    let free = Permit::from(allow.clone());
    let bounded = Permit::new(allow.clone(), vec![layer]);
    for asked in lines {
        for (within, without) in [
            (bounded.allows_run(asked), free.allows_run(asked)),
            (bounded.allows_read(asked), free.allows_read(asked)),
            (bounded.allows_write(asked), free.allows_write(asked)),
            (bounded.allows_secret(asked), free.allows_secret(asked)),
            (bounded.allows_socket(asked), free.allows_socket(asked)),
        ] {
            assert!(!within || without, "{asked:?}");
        }
        let Ok(uri) = asked.parse::<http::Uri>() else {
            continue;
        };
        let Ok(destination) = Destination::of(&uri) else {
            continue;
        };
        assert!(!bounded.may_ask(&destination) || free.may_ask(&destination));
        for inside in [
            "127.0.0.1",
            "169.254.169.254",
            "10.0.0.1",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            let inside: IpAddr = inside.parse().unwrap();
            assert!(!is_public(inside));
            if bounded.may_connect(&destination, inside) {
                // Somebody wrote an address, a network or `localhost`.
                let names_it = allow.net.iter().any(|net| {
                    let text = net.to_string();
                    text.contains("localhost") || text.contains(|c: char| c.is_ascii_digit())
                });
                assert!(names_it, "{asked:?} leads to {inside}: {:?}", allow.net);
            }
        }
    }
    // What programs may write is never more than what requests may write.
    for pattern in bounded.writable() {
        if let Some(path) = PathPattern::single(&pattern) {
            assert!(bounded.allows_write(path), "{path:?}");
        }
    }
});
