//! What a plugin may do in the end: wishes ∩ `allow:` ∩ policy.
//!
//! Patterns are never intersected, because the intersection of two globs is no
//! glob. The layers are kept, and each request is asked of every one of them:
//! what one layer does not cover is denied, however generous the others are.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use super::address::{Destination, ENDPOINTS, may_ask, may_be_instance, may_connect};
use super::grants::{Grants, PathPattern};
use super::{Capability, Denial};

/// Who lacked something that a plugin asked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// What the plugin itself states that it wants.
    Wishes,
    /// What the user's file allows.
    Allow,
    /// What the organisation allows at all.
    Policy,
}

/// A bound beside the `allow:` block. It never grants anything by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Whose it is.
    pub kind: LayerKind,
    /// What it covers.
    pub covered: Grants,
    /// What it does not bound at all.
    pub open: BTreeSet<Capability>,
}

impl Layer {
    fn covers(&self, capability: Capability, is_covered: impl Fn(&Grants) -> bool) -> bool {
        self.open.contains(&capability) || is_covered(&self.covered)
    }
}

/// What a plugin may do. [`Default`] is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permit {
    allow: Grants,
    bounds: Vec<Layer>,
    /// What the word `endpoints` stands for in this call.
    endpoints: Vec<Destination>,
}

impl Permit {
    /// What `allow` grants, within all bounds.
    pub fn new(allow: Grants, bounds: Vec<Layer>) -> Permit {
        Permit {
            allow,
            bounds,
            endpoints: Vec::new(),
        }
    }

    /// The same for one call, which is about these instances: that is what
    /// `net: [endpoints]` stands for, in every layer that says it. Base addresses
    /// come from the target. A name is left out, and an address where no
    /// instance may be, so that a target cannot lead a plugin to the metadata of
    /// a cloud.
    #[must_use]
    pub fn at(&self, endpoints: impl IntoIterator<Item = impl AsRef<str>>) -> Permit {
        let instance = |text: &str| {
            let destination = Destination::of(&text.parse().ok()?).ok()?;
            let address = destination.host.parse().ok()?;
            may_be_instance(address).then_some(destination)
        };
        let endpoints = endpoints.into_iter();
        Permit {
            endpoints: endpoints
                .filter_map(|text| instance(text.as_ref()))
                .collect(),
            ..self.clone()
        }
    }

    /// The `allow:` block, to say what is missing in it. Whether something may
    /// be done is asked of the permit.
    pub fn allow(&self) -> &Grants {
        &self.allow
    }

    /// Whether a program may be run.
    pub fn allows_run(&self, program: &str) -> bool {
        self.all(Capability::Run, |grants| grants.allows_run(program))
    }

    /// Whether a path relative to the checkout may be read.
    pub fn allows_read(&self, path: &str) -> bool {
        self.all(Capability::Read, |grants| grants.allows_read(path))
    }

    /// Whether a path relative to the checkout may be written.
    pub fn allows_write(&self, path: &str) -> bool {
        self.all(Capability::Write, |grants| grants.allows_write(path))
    }

    /// Whether a secret may be used.
    pub fn allows_secret(&self, name: &str) -> bool {
        self.all(Capability::Secrets, |grants| grants.allows_secret(name))
    }

    /// Whether bytes may be exchanged with an endpoint.
    pub fn allows_socket(&self, endpoint: &str) -> bool {
        self.all(Capability::Socket, |grants| grants.allows_socket(endpoint))
    }

    /// The variables of the host that programs may see.
    pub fn variables(&self) -> Vec<String> {
        let allowed = |name: &&String| self.all(Capability::Env, |grants| grants.allows_env(name));
        self.allow.env.iter().filter(allowed).cloned().collect()
    }

    /// What programs may change of the checkout, for walls that know no layers:
    /// the entries of `allow:` that every bound covers as a whole.
    pub fn writable(&self) -> Vec<PathPattern> {
        let is_whole = |pattern: &&PathPattern| {
            self.bounds.iter().all(|layer| {
                layer.covers(Capability::Write, |grants| match pattern.single() {
                    Some(path) => grants.allows_write(path),
                    None => {
                        let mut write = grants.write.iter();
                        write.any(|bound| bound == *pattern || bound.is_everything())
                    }
                })
            })
        };
        self.allow.write.iter().filter(is_whole).cloned().collect()
    }

    /// Whether a request to `destination` may be made at all.
    pub fn may_ask(&self, destination: &Destination) -> bool {
        self.all(Capability::Net, |grants| {
            may_ask(&grants.net, destination) || self.is_instance(grants, destination)
        })
    }

    /// Whether, for a request to `destination`, this address may be connected
    /// to. To be asked when connecting.
    pub fn may_connect(&self, destination: &Destination, address: IpAddr) -> bool {
        self.all(Capability::Net, |grants| {
            may_connect(&grants.net, destination, address)
                || (self.is_instance(grants, destination)
                    && destination.host.parse() == Ok(address))
        })
    }

    /// How a destination is told to people: the entry of `allow:` that is about
    /// it where that is the word for instances, whose ports differ each time.
    pub fn told(&self, destination: &Destination) -> String {
        match self.endpoints.contains(destination) {
            true => ENDPOINTS.into(),
            false => destination.to_string(),
        }
    }

    /// Who did not cover what was asked for; empty where all do.
    pub fn lacking(&self, capability: Capability, target: &str) -> Vec<LayerKind> {
        let instance = destination_of(capability, target);
        let is_covered = |grants: &Grants| {
            covers(grants, capability, target)
                || instance
                    .as_ref()
                    .is_some_and(|instance| self.is_instance(grants, instance))
        };
        let mut lacking = Vec::new();
        if !is_covered(&self.allow) {
            lacking.push(LayerKind::Allow);
        }
        let bounds = self.bounds.iter();
        lacking.extend(
            bounds
                .filter(|layer| !layer.covers(capability, is_covered))
                .map(|layer| layer.kind),
        );
        lacking.sort();
        lacking
    }

    /// The denial of something that was asked for.
    pub fn deny(&self, capability: Capability, target: String) -> Denial {
        let lacked = self.lacking(capability, &target);
        let target = match destination_of(capability, &target) {
            Some(destination) if self.endpoints.contains(&destination) => ENDPOINTS.into(),
            _ => target,
        };
        Denial {
            capability,
            target,
            lacked,
        }
    }

    /// These grants and what `denial` lacked, for the next line of advice.
    #[must_use]
    pub fn with(mut self, denial: &Denial) -> Permit {
        if denial.lacked.contains(&LayerKind::Allow)
            && let Some(allow) = self.allow.with(denial)
        {
            self.allow = allow;
        }
        self
    }

    /// Whether a destination is one of the instances, and these grants have the
    /// word for them.
    fn is_instance(&self, grants: &Grants, destination: &Destination) -> bool {
        self.endpoints.contains(destination) && grants.allows_endpoints()
    }

    fn all(&self, capability: Capability, is_covered: impl Fn(&Grants) -> bool) -> bool {
        is_covered(&self.allow)
            && self
                .bounds
                .iter()
                .all(|layer| layer.covers(capability, &is_covered))
    }
}

impl From<Grants> for Permit {
    /// What the user's file alone allows, where nothing bounds it.
    fn from(allow: Grants) -> Permit {
        Permit::new(allow, Vec::new())
    }
}

/// Whether one block covers something by its name, as it is shown to people.
pub(crate) fn covers(grants: &Grants, capability: Capability, target: &str) -> bool {
    match capability {
        Capability::Run => grants.allows_run(target),
        Capability::Net if target == ENDPOINTS => grants.allows_endpoints(),
        Capability::Net => destination_of(capability, target)
            .is_some_and(|destination| may_ask(&grants.net, &destination)),
        Capability::Read => grants.allows_read(target),
        Capability::Write => grants.allows_write(target),
        Capability::Env => grants.allows_env(target),
        Capability::Secrets => grants.allows_secret(target),
        Capability::Socket => grants.allows_socket(target),
        Capability::Store => false,
    }
}

/// The destination that a target of `net` is the text of.
fn destination_of(capability: Capability, target: &str) -> Option<Destination> {
    let uri = http::Uri::from_str(target).ok()?;
    (capability == Capability::Net)
        .then(|| Destination::of(&uri).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn grants(json: &str) -> Grants {
        serde_json::from_str(json).unwrap()
    }

    fn layer(kind: LayerKind, json: &str, open: &[Capability]) -> Layer {
        Layer {
            kind,
            covered: grants(json),
            open: open.iter().copied().collect(),
        }
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_written() {
        let nothing = Permit::default();
        assert!(!nothing.allows_run("sh") && !nothing.allows_read("a"));
        let open: Vec<Capability> = Capability::ALL.to_vec();
        let bounds = vec![layer(LayerKind::Policy, "{}", &open)];
        let unbounded = Permit::new(Grants::default(), bounds);
        assert!(!unbounded.allows_run("sh"), "a bound grants nothing");
        assert!(unbounded.variables().is_empty());
    }

    #[test]
    fn a_request_must_be_covered_by_every_layer() {
        let allow = grants(
            r#"{"run":["cargo","sh"],"read":["src"],"net":["https://*.acme.dev"],"env":["A","B"]}"#,
        );
        let wishes = layer(
            LayerKind::Wishes,
            r#"{"run":["cargo"],"read":["**/*.rs"],"env":["A"]}"#,
            &[Capability::Net],
        );
        let policy = layer(
            LayerKind::Policy,
            r#"{"run":["cargo","sh"],"net":["https://api.acme.dev"]}"#,
            &[Capability::Read, Capability::Env],
        );
        let permit = Permit::new(allow, vec![wishes, policy]);
        assert!(permit.allows_run("cargo"));
        assert!(!permit.allows_run("sh"), "it is not wished for");
        assert!(permit.allows_read("src/a.rs"));
        assert!(!permit.allows_read("src/a.txt") && !permit.allows_read("x.rs"));
        assert_eq!(permit.variables(), ["A"]);
        let to = |text: &str| Destination::of(&text.parse().unwrap()).unwrap();
        assert!(permit.may_ask(&to("https://api.acme.dev/x")));
        assert!(!permit.may_ask(&to("https://www.acme.dev/x")));
        let public = "8.8.8.8".parse().unwrap();
        assert!(permit.may_connect(&to("https://api.acme.dev/x"), public));
        let inside = "10.0.0.1".parse().unwrap();
        assert!(!permit.may_connect(&to("https://api.acme.dev/x"), inside));
    }

    #[test]
    fn programs_write_only_what_every_layer_covers_as_a_whole() {
        for (allow, policy, writable) in [
            ("src", "src", true),
            ("src/", "./src", true),
            ("src", "*", true),
            ("src", ".", true),
            ("src", "src/*", false),
            (".", "?", false),
            (".", "*", false),
            ("**", ".", true),
            ("out/*", "out/*", true),
            ("out/*", "out", false),
        ] {
            let allow = grants(&format!(r#"{{"write":["{allow}"]}}"#));
            let policy = format!(r#"{{"write":["{policy}"]}}"#);
            let bounds = vec![layer(LayerKind::Policy, &policy, &[])];
            let permit = Permit::new(allow.clone(), bounds);
            assert_eq!(
                !permit.writable().is_empty(),
                writable,
                "{allow} in {policy}"
            );
        }
    }

    #[test]
    fn the_network_inside_needs_the_word_of_every_layer() {
        let open = "{\"net\":[\"http://api.acme.dev\",\"http://10.0.0.0/8:80\"]}";
        let named = "{\"net\":[\"http://api.acme.dev\"]}";
        let destination = Destination::of(&"http://api.acme.dev/".parse().unwrap()).unwrap();
        let inside: IpAddr = "10.0.0.1".parse().unwrap();
        for (allow, policy, may) in [
            (open, open, true),
            (open, named, false),
            (named, open, false),
        ] {
            let bounds = vec![layer(LayerKind::Policy, policy, &[])];
            let permit = Permit::new(grants(allow), bounds);
            assert_eq!(permit.may_connect(&destination, inside), may);
        }
    }

    #[test]
    fn the_instances_of_a_call_need_the_word_and_nothing_else_comes_with_it() {
        let word = r#"{"net":["endpoints"]}"#;
        let to = |text: &str| Destination::of(&text.parse().unwrap()).unwrap();
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let ours = to("http://127.0.0.1:4711/healthz");
        let plain = Permit::from(grants(word));
        assert!(
            !plain.may_ask(&ours),
            "without a call there are no instances"
        );
        let permit = plain.at(["http://127.0.0.1:4711", "http://[::1]:80"]);
        assert!(permit.may_ask(&ours) && permit.may_connect(&ours, here));
        assert!(permit.may_ask(&to("http://[::1]/")));
        assert!(!permit.may_connect(&ours, "127.0.0.2".parse().unwrap()));
        for other in [
            "http://127.0.0.1:4712/",
            "https://127.0.0.1:4711/",
            "http://localhost:4711/",
        ] {
            assert!(!permit.may_ask(&to(other)), "{other}");
        }
        // What a target says does not lead to a name, nor to metadata.
        let sly = plain.at([
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "http://acme.dev",
        ]);
        for other in [
            "http://169.254.169.254/",
            "http://[fd00:ec2::254]/",
            "http://acme.dev/",
        ] {
            assert!(!sly.may_ask(&to(other)), "{other}");
        }
        // Each layer has to say it, or to cover the address by itself.
        let instances = ["http://127.0.0.1:4711"];
        for (allow, policy, may) in [
            (word, word, true),
            (word, r#"{"net":["http://127.0.0.1:*"]}"#, true),
            (word, r#"{"net":["https://acme.dev"]}"#, false),
            ("{}", word, false),
        ] {
            let bounds = vec![layer(LayerKind::Policy, policy, &[])];
            let permit = Permit::new(grants(allow), bounds).at(instances);
            assert_eq!(permit.may_ask(&ours), may, "{allow} in {policy}");
            assert_eq!(permit.may_connect(&ours, here), may);
        }
    }

    #[test]
    fn a_denial_of_an_instance_names_the_word_that_would_allow_it() {
        let permit = Permit::default().at(["http://127.0.0.1:4711"]);
        let denial = permit.deny(Capability::Net, "http://127.0.0.1:4711".into());
        expect![["net `endpoints`; to allow it: allow: { net: [endpoints] }"]]
            .assert_eq(&format!("{denial}{}", denial.advice(&permit)));
        let denial = permit.deny(Capability::Net, "http://127.0.0.1:4712".into());
        assert_eq!(denial.target, "http://127.0.0.1:4712");
    }

    #[test]
    fn a_denial_says_who_lacked_it() {
        let policy = layer(LayerKind::Policy, r#"{"run":["cargo"]}"#, &[]);
        let wishes = layer(LayerKind::Wishes, r#"{"run":["cargo","sh"]}"#, &[]);
        let permit = Permit::new(grants("{}"), vec![wishes, policy]);
        let mut said = String::new();
        for program in ["cargo", "sh", "rm"] {
            let denial = permit.deny(Capability::Run, program.into());
            said += &format!("{denial}{}\n", denial.advice(&permit));
        }
        expect![[r#"
            run `cargo`; to allow it: allow: { run: [cargo] }
            run `sh`; the policy of your organisation (BAEPO_POLICY) does not allow it; it would also need: allow: { run: [sh] }
            run `rm`; the plugin does not state it among its wishes; the policy of your organisation (BAEPO_POLICY) does not allow it; it would also need: allow: { run: [rm] }
        "#]]
        .assert_eq(&said);
        let full = Permit::from(grants(r#"{"run":["cargo"]}"#));
        assert_eq!(full.lacking(Capability::Run, "cargo"), []);
    }
}
