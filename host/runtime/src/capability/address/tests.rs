use super::*;

fn pattern(text: &str) -> NetPattern {
    text.parse().unwrap()
}

fn destination(text: &str) -> Destination {
    Destination::of(&text.parse().unwrap()).unwrap()
}

#[test]
fn scheme_host_and_port_are_all_compared() {
    let api = pattern("https://api.acme.dev/");
    assert!(api.allows(&destination("https://API.acme.dev./v1?x=1")));
    assert!(!api.allows(&destination("http://api.acme.dev/")));
    assert!(!api.allows(&destination("https://api.acme.dev:8443/")));
    assert!(!api.allows(&destination("https://api.acme.dev.evil.dev/")));
    let any = pattern("http://127.0.0.1:*");
    assert!(any.allows(&destination("http://127.0.0.1:4711/x")));
    assert!(!any.allows(&destination("http://127.0.0.2:4711/x")));
}

#[test]
fn a_star_stands_for_labels_below_a_domain() {
    let under = pattern("https://*.acme.dev");
    assert!(under.allows(&destination("https://a.b.acme.dev/")));
    assert!(!under.allows(&destination("https://acme.dev/")));
    assert!(!under.allows(&destination("https://badacme.dev/")));
}

#[test]
fn a_name_does_not_reach_addresses_inside() {
    let named = pattern("https://api.acme.dev");
    assert!(named.allows_address("8.8.8.8".parse().unwrap(), 443));
    for inside in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fd00::1",
        "::",
        "ff02::1",
    ] {
        let address = inside.parse().unwrap();
        assert!(!named.allows_address(address, 443), "{inside}");
    }
}

#[test]
fn an_address_or_network_in_the_pattern_reaches_inside() {
    let network = pattern("http://10.0.0.0/8:9090");
    assert!(network.allows(&destination("http://10.2.3.4:9090/")));
    assert!(network.allows_address("10.2.3.4".parse().unwrap(), 9090));
    assert!(!network.allows(&destination("http://11.2.3.4:9090/")));
    let local = pattern("http://localhost:8080");
    assert!(local.allows_address("::1".parse().unwrap(), 8080));
    assert!(!local.allows_address("10.0.0.1".parse().unwrap(), 8080));
    let six = pattern("http://[::1]:80");
    assert!(six.allows(&destination("http://[::1]/")));
}

#[test]
fn an_instance_is_never_where_clouds_keep_their_metadata() {
    for (address, may_be) in [
        ("127.0.0.1", true),
        ("10.1.2.3", true),
        ("8.8.8.8", true),
        ("::1", true),
        ("fd12::1", true),
        ("169.254.169.254", false),
        ("::ffff:169.254.169.254", false),
        ("64:ff9b::a9fe:a9fe", false),
        ("fd00:ec2::254", false),
        ("fe80::1", false),
        ("100.100.100.200", false),
        ("0.0.0.0", false),
        ("::", false),
        ("224.0.0.1", false),
    ] {
        assert_eq!(
            may_be_instance(address.parse().unwrap()),
            may_be,
            "{address}"
        );
    }
}

#[test]
fn the_word_for_instances_stands_for_no_address_by_itself() {
    let word = pattern("endpoints");
    assert!(word.is_endpoints());
    assert_eq!(word.to_string(), "endpoints");
    assert!(!word.allows(&destination("http://127.0.0.1:4711/")));
    assert!(!word.allows(&destination("http://endpoints/")));
    assert!(!word.allows_address("127.0.0.1".parse().unwrap(), 80));
}

#[test]
fn what_is_no_pattern_is_refused() {
    for text in [
        "acme.dev",
        "ftp://acme.dev",
        "https://*foo.dev",
        "https://*.dev",
        "https://*",
        "https://acme.dev/path",
        "https://a@acme.dev",
        "https://acme.dev:99999",
        "http://10.0.0.0/33",
        "https://",
    ] {
        assert!(text.parse::<NetPattern>().is_err(), "{text}");
    }
}

#[test]
fn an_address_with_a_user_in_it_is_refused() {
    let uri = "https://api.acme.dev@evil.dev/".parse().unwrap();
    assert!(Destination::of(&uri).is_err());
}
