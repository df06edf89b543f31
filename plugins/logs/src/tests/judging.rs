use baepo_plugin::{Level, Role};

use super::*;

#[test]
fn a_service_that_writes_nothing_is_fine_and_one_that_cannot_be_read_is_not() {
    let mut quiet = Rollout::new("{}");
    let observation = quiet.look();
    assert_eq!(observation.verdict, Verdict::Healthy);
    assert_eq!(observation.reason, "no error in 1 line of the candidate");

    for (missing, reason) in [
        (
            CANDIDATE,
            "no log of the candidate can be read: no file that may be read is at `.baepo/output/{role}/*.log`",
        ),
        (
            STABLE,
            "no log of stable can be read: no file that may be read is at `.baepo/output/{role}/*.log`",
        ),
    ] {
        let mut blind = Rollout::new("{}");
        blind.disk.files.borrow_mut().remove(missing);
        let observation = blind.look();
        assert_eq!(observation.verdict, Verdict::Inconclusive);
        assert_eq!(observation.reason, reason);
    }

    let mut idle = Rollout::new("{}");
    idle.request.candidate = side(Some(0));
    let observation = idle.look();
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert_eq!(
        observation.reason,
        "0 of at least 30 requests in this window"
    );
}

#[test]
fn a_new_error_is_a_warning_with_samples() {
    let mut rollout = Rollout::new("{}");
    rollout.look();
    let both = "ERROR known 1 trouble\n";
    rollout.disk.write(STABLE, both.repeat(90));
    rollout.disk.write(CANDIDATE, both.repeat(10));
    for shelf in 1..=4 {
        let line = format!("ERROR no bread on shelf {shelf} token=hunter{shelf}\n");
        rollout.disk.write(CANDIDATE, line);
    }
    let observation = rollout.look();
    assert_eq!(observation.verdict, Verdict::Healthy);
    assert_eq!(
        observation.reason,
        "14 errors of the candidate, 1 kind that stable does not write"
    );
    let [finding] = observation.findings.as_slice() else {
        panic!("{:?}", observation.findings)
    };
    assert_eq!(
        (finding.level, finding.role),
        (Level::Warning, Role::Candidate)
    );
    assert_eq!(
        finding.title,
        "new error, 4 times: ERROR no bread on shelf 1 token=***"
    );
    assert_eq!(
        finding.message,
        "Stable was not seen to write it. For example:\nERROR no bread on shelf 1 token=***\n\
         ERROR no bread on shelf 2 token=***\nERROR no bread on shelf 3 token=***"
    );

    // Once stable writes it as well it is no longer new.
    rollout
        .disk
        .write(STABLE, "ERROR no bread on shelf 9 token=x\n");
    assert_eq!(rollout.look().findings, []);
}

#[test]
fn what_stable_wrote_before_the_rollout_is_not_new() {
    let mut rollout = Rollout::new(r#"{"on-new": "fail", "min-new": 1}"#);
    rollout.disk.write(STABLE, "ERROR old 1\n");
    rollout.disk.write(CANDIDATE, "ERROR old 2\n".repeat(5));
    // The candidate is read before stable, and still.
    let observation = rollout.look();
    assert_eq!(
        (observation.findings, observation.verdict),
        (Vec::new(), Verdict::Healthy)
    );
}

#[test]
fn a_new_error_fails_only_where_asked_and_only_on_evidence() {
    let mut rollout = Rollout::new(r#"{"on-new": "fail"}"#);
    rollout.look();
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        rollout.disk.write(CANDIDATE, "ERROR no bread\n");
        verdicts.push(rollout.look().verdict);
    }
    // A tenth of the traffic: three looks come to ln 1000.
    let (healthy, failing) = (Verdict::Healthy, Verdict::Failing);
    assert_eq!(verdicts, [healthy, healthy, failing, failing]);
    assert_eq!(
        rollout.look().reason,
        "a new error, 4 times, that stable does not write: ERROR no bread"
    );

    // A burst in one look, or without a stable that has traffic, proves nothing.
    let mut burst = Rollout::new(r#"{"on-new": "fail"}"#);
    burst.look();
    burst
        .disk
        .write(CANDIDATE, "ERROR no bread\n".repeat(1_000));
    assert_eq!(burst.look().verdict, Verdict::Healthy);
    burst.request.phase = Phase::Bake;
    burst.request.stable = Some(side(Some(0)));
    for _ in 0..20 {
        burst.disk.write(CANDIDATE, "ERROR no bread\n");
        assert_eq!(burst.look().verdict, Verdict::Healthy);
    }
}

#[test]
fn growth_of_known_errors_fails() {
    let mut rollout = Rollout::new("{}");
    rollout.disk.write(STABLE, "ERROR slow 1\nERROR gone\n");
    rollout.look();
    let mut last = None;
    for _ in 0..6 {
        // Each failure tells two errors.
        rollout.disk.write(STABLE, "ERROR slow 7\nERROR gone\n");
        rollout
            .disk
            .write(CANDIDATE, "ERROR slow 7\nERROR gone\n".repeat(3));
        last = Some(rollout.look());
    }
    let observation = last.unwrap();
    assert_eq!(observation.verdict, Verdict::Failing);
    assert!(
        observation
            .reason
            .starts_with("30 known errors per 1,000 requests against 1.11 (E = "),
        "{}",
        observation.reason
    );
    assert_eq!(observation.measurements[0].verdict, Verdict::Failing);

    // What the candidate writes first is not growth.
    let mut new = Rollout::new("{}");
    new.look();
    for _ in 0..20 {
        new.disk.write(CANDIDATE, "ERROR slow 7\n".repeat(9));
        assert_eq!(new.look().verdict, Verdict::Healthy);
    }
    for (setting, verdict) in [("warn", Verdict::Healthy), ("off", Verdict::Healthy)] {
        let config = format!(r#"{{"on-growth": "{setting}"}}"#);
        rollout.request.config = config;
        let observation = rollout.look();
        assert_eq!(observation.verdict, verdict);
        assert_eq!(observation.findings.len(), usize::from(setting == "warn"));
    }
}

#[test]
fn errors_at_the_same_rate_are_healthy_however_often_one_looks() {
    let mut rollout = Rollout::new(r#"{"on-new": "fail"}"#);
    rollout.disk.write(STABLE, "ERROR slow 1\n");
    rollout.look();
    for look in 0..200 {
        rollout.disk.write(STABLE, "ERROR slow 2\n".repeat(9));
        rollout.disk.write(CANDIDATE, "ERROR slow 2\n");
        assert_eq!(rollout.look().verdict, Verdict::Healthy, "look {look}");
    }
}

#[test]
fn without_requests_time_or_the_share_of_traffic_is_the_exposure() {
    let mut rollout = Rollout::new("{}");
    rollout.request.stable = Some(side(None));
    rollout.request.candidate = side(None);
    let exposure = |request: &ObserveRequest| Exposure::of(request).unwrap();
    let time = exposure(&rollout.request);
    assert_eq!((time.stable, time.candidate), (5_000, 5_000));
    rollout.request.weight_basis_points = Some(1_000);
    let share = exposure(&rollout.request);
    assert_eq!((share.stable, share.candidate), (4_500, 500));
    assert_eq!(rollout.look().verdict, Verdict::Healthy);
}

#[test]
fn a_first_install_has_nothing_to_compare_with() {
    let mut rollout = Rollout::new("{}");
    rollout.request.stable = None;
    rollout.request.phase = Phase::Bake;
    assert_eq!(rollout.look().verdict, Verdict::Healthy);
    rollout.disk.write(CANDIDATE, "ERROR a\n".repeat(3));
    let observation = rollout.look();
    assert_eq!(observation.verdict, Verdict::Inconclusive);
    assert_eq!(observation.reason, "errors, and no stable to compare with");
}

#[test]
fn files_are_found_by_role_release_and_commit() {
    let config = r#"{"files": ["logs/{release}/{role}-*.log", "logs/{commit}.json"]}"#;
    let parsed: Logs = config::parse(config).unwrap();
    let paths: Vec<String> = parsed
        .files
        .iter()
        .map(|pattern| pattern.path("stable", &side(None)))
        .collect();
    assert_eq!(
        paths,
        ["logs/abababababab/stable-*.log", "logs/c0ffee.json"]
    );

    // What a file of the role holds before the rollout may be of another one.
    let mut rollout = Rollout::new(r#"{"files": ["logs/{role}.log"]}"#);
    rollout.disk.write("logs/stable.log", "INFO\n");
    rollout
        .disk
        .write("logs/candidate.log", "ERROR earlier\n".repeat(3));
    assert_eq!(rollout.look().findings, []);
    rollout
        .disk
        .write("logs/candidate.log", "ERROR now\n".repeat(3));
    assert_eq!(rollout.look().findings.len(), 1);
}

#[test]
fn lines_can_be_ignored_and_warnings_can_count() {
    let mut rollout = Rollout::new(r#"{"ignore": ["client went away"], "level": "warning"}"#);
    rollout.look();
    rollout
        .disk
        .write(CANDIDATE, "ERROR client went away\nWARN low\n".repeat(3));
    let observation = rollout.look();
    assert_eq!(observation.findings.len(), 1);
    assert_eq!(
        observation.findings[0].title,
        "new error, 3 times: WARN low"
    );
}

#[test]
fn all_mistakes_in_the_configuration_are_told_at_once() {
    let problems = |json| match config::parse::<Logs>(json) {
        Err(HookError::InvalidConfig(problems)) => problems
            .into_iter()
            .map(|p| format!("{}: {}", p.path, p.message))
            .collect::<Vec<_>>(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    };
    assert_eq!(problems("{}"), [""; 0]);
    assert_eq!(
        problems(
            r#"{"files": ["/var/log/{role}", "app.log"], "format": "xml", "on-new": "off", "min-new": 0,
                "ignore": [""], "patterns": 1}"#
        ),
        [
            "files.0: `/var/log/{role}` is not a path inside the checkout (no leading `/`, no `..`)",
            "files.1: `app.log` is the same for both roles, so nothing can be compared; put `{role}`, `{release}` or `{commit}` into it",
            "format: `xml` is unknown, expected `auto` or `json` or `plain` or `journald`",
            "on-new: `off` is unknown, expected `fail` or `warn`",
            "min-new: must be at least 1: what was not seen is not new",
            "ignore.0: is empty and would ignore all lines",
            "patterns: unknown key, expected one of `files`, `format`, `level`, `on-new`, `on-growth`, `min-new`, `ignore`, `min-requests`",
        ]
    );
}
