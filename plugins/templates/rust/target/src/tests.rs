use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use baepo_plugin::fake::{Ended, Host, Started, release};

use super::*;

const DEFAULTS: &str = "{}";

/// A place with instances that are ready as soon as they are asked for.
#[derive(Default)]
struct Place {
    instances: BTreeMap<String, u64>,
    route: Value,
}

impl Place {
    fn answer(&mut self, started: &Started) -> Ended {
        let Ok(question) = serde_json::from_slice::<Value>(&started.stdin) else {
            return Ended::badly(2, "that is no question");
        };
        let digest = || question["digest"].as_str().unwrap().to_owned();
        match question["call"].as_str().unwrap() {
            "stage" => {
                let digest = question["release"]["digest"].as_str().unwrap();
                self.instances.entry(digest.into()).or_insert(0);
            }
            "scale" => {
                let count = question["instances"].as_u64().unwrap();
                if !self.instances.contains_key(&digest()) {
                    return Ended::badly(1, "looking for it\nit was not staged\n");
                }
                self.instances.insert(digest(), count);
            }
            "route" => self.route = question["shares"].clone(),
            "discard" => drop(self.instances.remove(&digest())),
            "observe" => {
                let instances = self.instances.iter();
                let instances: Vec<Value> = instances
                    .map(|(digest, count)| json!({ "digest": digest, "ready": count }))
                    .collect();
                let answer = json!({ "instances": instances, "route": self.route });
                return Ended::well(answer.to_string());
            }
            call => return Ended::badly(2, format!("nobody knows `{call}`")),
        }
        Ended::well("done")
    }
}

fn host() -> Host {
    let place = Rc::new(RefCell::new(Place::default()));
    let deploy = move |started: &Started| place.borrow_mut().answer(started);
    Host::new().store().program_with("./deploy", deploy)
}

fn failure<T: std::fmt::Debug>(result: Result<T, TargetError>) -> String {
    match result {
        Err(TargetError::Hook(HookError::Failed(why))) => why,
        other => panic!("{other:?}"),
    }
}

fn stage(token: u64, number: u8) -> Result<(), TargetError> {
    let manifest = r#"{"port": 80}"#;
    Plugin::stage(DEFAULTS.into(), token, release(number), manifest.into())
}

fn scale(token: u64, number: u8, instances: u32) -> Result<(), TargetError> {
    Plugin::scale(DEFAULTS.into(), token, release(number).digest, instances)
}

#[test]
fn a_rollout_goes_through_all_of_it() {
    let host = host();
    let (old, new) = (release(1).digest, release(2).digest);
    let share = |digest: &String, weight_basis_points| Share {
        digest: digest.clone(),
        weight_basis_points,
    };
    host.run(|| {
        stage(1, 1).unwrap();
        stage(1, 2).unwrap();
        scale(1, 1, 2).unwrap();
        scale(1, 2, 3).unwrap();
        let shares = vec![share(&old, 9_500), share(&new, 500)];
        Plugin::route(DEFAULTS.into(), 1, shares.clone()).unwrap();
        let seen = Plugin::observe(DEFAULTS.into()).unwrap();
        let counts = seen.instances.iter().map(|of| (of.asked, of.ready));
        assert_eq!(counts.collect::<Vec<_>>(), [(2, 2), (3, 3)]);
        assert_eq!(seen.route, shares);
        scale(1, 1, 0).unwrap();
        Plugin::discard(DEFAULTS.into(), 1, old).unwrap();
        let seen = Plugin::observe(DEFAULTS.into()).unwrap();
        assert_eq!(seen.instances.len(), 1);
    });
    let staged: Value = serde_json::from_slice(&host.programs()[0].stdin).unwrap();
    assert_eq!(staged["manifest"]["port"], 80);
    assert_eq!(staged["release"]["revision"]["ref-name"], "refs/heads/main");
}

#[test]
fn the_same_call_again_does_no_harm() {
    let host = host();
    host.run(|| {
        for _ in 0..2 {
            stage(1, 2).unwrap();
            scale(1, 2, 3).unwrap();
        }
        let seen = Plugin::observe(DEFAULTS.into()).unwrap();
        assert_eq!((seen.instances.len(), seen.instances[0].ready), (1, 3));
    });
}

#[test]
fn an_older_token_is_refused_before_any_program_runs() {
    let host = host();
    host.run(|| {
        stage(5, 2).unwrap();
        scale(7, 2, 1).unwrap();
        scale(7, 2, 2).unwrap();
        let before = host.programs().len();
        let config = || DEFAULTS.to_owned();
        let late = [
            stage(6, 3),
            scale(6, 2, 0),
            Plugin::route(config(), 6, Vec::new()),
            Plugin::discard(config(), 6, release(2).digest),
            Plugin::upload(config(), 6, "00".into(), vec![1]),
        ];
        assert!(
            late.iter()
                .all(|call| matches!(call, Err(TargetError::Fenced)))
        );
        assert_eq!(host.programs().len(), before);
    });
}

#[test]
fn state_is_replaced_only_from_the_version_that_was_seen() {
    let host = host();
    let load = || Plugin::load_state(DEFAULTS.into()).unwrap();
    let save = |expected, state: &str| {
        Plugin::save_state(DEFAULTS.into(), expected, state.as_bytes().to_vec())
    };
    host.run(|| {
        assert_eq!(load(), (0, Vec::new()));
        assert_eq!(save(0, "{\"a\":\n1}").unwrap(), 1);
        // A token in between changes the document and not the state.
        stage(9, 1).unwrap();
        assert_eq!(load(), (1, b"{\"a\":\n1}".to_vec()));
        assert!(matches!(save(0, "late"), Err(TargetError::Conflict)));
        assert_eq!(save(1, "two").unwrap(), 2);
        assert!(matches!(stage(8, 1), Err(TargetError::Fenced)));
    });
}

#[test]
fn who_saves_at_the_same_time_is_looked_at_again() {
    let theirs = "{\"token\":4,\"version\":1}\ntheirs";
    let ours = host().saved_in_between(theirs);
    let taken = ours.run(|| Plugin::save_state(DEFAULTS.into(), 0, b"ours".to_vec()));
    assert!(matches!(taken, Err(TargetError::Conflict)));
    let ours = host().saved_in_between(theirs);
    ours.run(|| {
        assert!(matches!(stage(3, 1), Err(TargetError::Fenced)));
        stage(4, 1).unwrap();
        let (version, state) = Plugin::load_state(DEFAULTS.into()).unwrap();
        assert_eq!((version, &state[..]), (1, &b"theirs"[..]));
    });
    let foreign = Host::new().stored(3, "of somebody else");
    let why = failure(foreign.run(|| Plugin::load_state(DEFAULTS.into())));
    assert_eq!(why, "the state was not saved by this plugin");
}

#[test]
fn two_programs_keep_the_document_instead_of_the_host() {
    let kept = Rc::new(RefCell::new((0_u64, String::new())));
    let keep = move |started: &Started| {
        let mut kept = kept.borrow_mut();
        let question: Value = serde_json::from_slice(&started.stdin).unwrap();
        if question["call"] == "load" {
            return Ended::well(json!({ "version": kept.0, "document": kept.1 }).to_string());
        }
        if question["expected-version"] != kept.0 {
            return Ended::well(r#"{"conflict": true}"#);
        }
        *kept = (kept.0 + 1, question["document"].as_str().unwrap().into());
        Ended::well(json!({ "version": kept.0 }).to_string())
    };
    // No store: the host keeps nothing.
    let host = Host::new().program_with("./keep", keep);
    let config = r#"{"load": ["./keep", "load"], "save": ["./keep", "save"]}"#;
    let load = || Plugin::load_state(config.into()).unwrap();
    let save = |expected, state: &[u8]| Plugin::save_state(config.into(), expected, state.to_vec());
    host.run(|| {
        assert_eq!(load(), (0, Vec::new()));
        assert_eq!(save(0, b"one\ntwo").unwrap(), 1);
        assert_eq!(load(), (1, b"one\ntwo".to_vec()));
        assert!(matches!(save(0, b"late"), Err(TargetError::Conflict)));
        assert_eq!(
            failure(save(1, b"\xff")),
            "the state is no text, and programs keep texts"
        );
    });
    let silent = Host::new().program(["./keep", "load"], Ended::well("{}"));
    let why = failure(silent.run(|| Plugin::load_state(config.into())));
    let missing = "`version` is missing; it is 0 where nothing was saved";
    assert_eq!(why, format!("`./keep load` answers wrongly: {missing}"));
}

#[test]
fn a_program_that_fails_is_quoted() {
    let why = failure(host().run(|| scale(1, 3, 1)));
    assert_eq!(why, "`./deploy scale` failed: it was not staged");
    let silent = Host::new().program(["./deploy", "observe"], Ended::badly(9, ""));
    let why = failure(silent.run(|| Plugin::observe(DEFAULTS.into())));
    assert_eq!(why, "`./deploy observe` ended with exit code 9");
}

#[test]
fn an_answer_that_is_none_is_told_with_its_place() {
    for (answer, why) in [
        (
            "",
            "`instances` is missing; it is `[]` where nothing is there",
        ),
        ("[]", "it must be a mapping of keys to values"),
        (
            r#"{"instances": [{"digest": "sha256:00", "raedy": 1}]}"#,
            "`instances.0.raedy` unknown key, did you mean `ready`?",
        ),
        (
            r#"{"instances": [{"ready": 1}]}"#,
            "`instances.0.digest` must be `sha256:` and 64 digits, as it was staged",
        ),
    ] {
        let host = Host::new().program(["./deploy", "observe"], Ended::well(answer));
        let told = failure(host.run(|| Plugin::observe(DEFAULTS.into())));
        assert_eq!(told, format!("`./deploy observe` answers wrongly: {why}"));
    }
}

#[test]
fn contents_are_handed_over_where_there_is_an_upload() {
    let asked = || vec!["aa".to_owned(), "bb".to_owned()];
    let missing = |host: &Host, config: &str| {
        let config = config.to_owned();
        host.run(|| Plugin::missing(config, asked())).unwrap()
    };
    let host = Host::new()
        .store()
        .program(["have"], Ended::well(r#"{"missing": ["bb", "cc"]}"#))
        .program(["put", "bb"], Ended::well(""));
    let both = r#"{"upload": ["put"], "missing": ["have"]}"#;
    assert_eq!(missing(&host, DEFAULTS), Vec::<String>::new());
    assert_eq!(missing(&host, r#"{"upload": ["put"]}"#), asked());
    assert_eq!(missing(&host, both), ["bb"]);
    host.run(|| Plugin::upload(both.into(), 1, "bb".into(), b"\0binary".to_vec()))
        .unwrap();
    assert_eq!(host.programs()[1].stdin, b"\0binary");
}

#[test]
fn what_it_measures_and_logs_is_optional() {
    let with = r#"{"telemetry": ["measure"], "logs": ["tail"]}"#;
    let lines = r#"{"lines": [{"at-ms": 1, "instance": "a", "text": "old"}, {"text": "new"}]}"#;
    let host = Host::new()
        .program(["measure"], Ended::well(""))
        .program(
            ["measure"],
            Ended::well(r#"{"requests": 10, "failures": 1}"#),
        )
        .program(["tail"], Ended::well(lines));
    let digest = || release(1).digest;
    host.run(|| {
        let measured = |config: &str| Plugin::telemetry(config.into(), digest()).unwrap();
        assert!(measured(DEFAULTS).is_none() && measured(with).is_none());
        let seen = measured(with).unwrap();
        assert_eq!((seen.requests, seen.failures), (10, 1));
        assert_eq!(seen.latency.counts, [10]);
        let logged = |config: &str| Plugin::logs(config.into(), digest(), 1).unwrap();
        assert!(logged(DEFAULTS).is_empty());
        assert_eq!(logged(with)[0].text, "new");
    });
    let describe = |config: &str| Plugin::describe(config.into()).unwrap();
    assert!(describe(with).has_telemetry && !describe(DEFAULTS).has_telemetry);
}

#[test]
fn it_describes_itself_and_finds_all_mistakes() {
    let config = r#"{"describe": {"name": "our cloud", "weight-granularity": "5%"}}"#;
    let described = Plugin::describe(config.into()).unwrap();
    assert_eq!(described.name, "our cloud");
    assert_eq!(described.weight_granularity_basis_points, 500);
    let wrong = r#"{"scale": [], "observ": ["a"], "missing": ["have"], "save": ["keep"], "describe": {"weight-granularity": "0%"}}"#;
    let Err(TargetError::Hook(HookError::InvalidConfig(problems))) = Plugin::describe(wrong.into())
    else {
        panic!()
    };
    let paths: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
    assert_eq!(
        paths,
        [
            "scale",
            "save",
            "missing",
            "describe.weight-granularity",
            "observ"
        ]
    );
}

#[test]
fn without_a_grant_it_says_which_one_it_needs() {
    let denied = Host::new().run(|| Plugin::observe(DEFAULTS.into()));
    let Err(TargetError::Hook(HookError::Denied(what))) = denied else {
        panic!("{denied:?}")
    };
    assert_eq!(what, "run: ./deploy");
}
