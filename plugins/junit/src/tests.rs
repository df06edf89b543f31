use baepo_plugin::config;

use super::*;

fn report(content: &str) -> Report {
    Report {
        path: "junit.xml".into(),
        content: content.as_bytes().to_vec(),
    }
}

fn junit(json: &str) -> Junit {
    config::parse(json).unwrap()
}

fn read(content: &str) -> TestReport {
    junit(r#"{"reports": ["junit.xml"]}"#)
        .finish(vec![report(content)], None)
        .unwrap()
}

/// One line per case: suite, class, name, outcome, milliseconds, place.
fn lines(report: &TestReport) -> Vec<String> {
    let mut lines = Vec::new();
    for suite in &report.suites {
        for case in &suite.cases {
            let outcome = match &case.outcome {
                Outcome::Passed => "passed".to_string(),
                Outcome::Failed(text) => format!("failed [{}]", text.replace('\n', " | ")),
                Outcome::Errored(text) => format!("errored [{}]", text.replace('\n', " | ")),
                Outcome::Skipped(text) => format!("skipped [{text}]"),
            };
            let duration = case
                .duration_ms
                .map(|ms| format!(" {ms}ms"))
                .unwrap_or_default();
            let place = case
                .file
                .as_ref()
                .map(|file| format!(" {file}:{}", case.line.unwrap_or(0)));
            let place = place.unwrap_or_default();
            lines.push(format!(
                "{} / {} / {}: {outcome}{duration}{place}",
                suite.name, case.class_name, case.name
            ));
        }
    }
    lines
}

#[test]
fn nextest() {
    let found = read(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="nextest-run" tests="3" failures="1" errors="0" uuid="x" timestamp="t" time="0.4">
          <testsuite name="shop" tests="3" disabled="0" errors="0" failures="1">
            <testcase name="cart::adds" classname="shop" timestamp="t" time="0.012"></testcase>
            <testcase name="cart::removes" classname="shop" time="0.4">
              <failure message="thread &apos;cart::removes&apos; (9) panicked at src/cart.rs:88:5" type="test failure with exit code 101">thread 'cart::removes' (9) panicked at src/cart.rs:88:5:
index out of bounds &amp; more &#x263A;</failure>
              <system-out>running 1 test</system-out>
              <system-err>noise at src/other.rs:1:1</system-err>
            </testcase>
            <testcase name="cart::flaky" classname="shop" time="0.1">
              <flakyFailure message="first try" type="test failure"><system-out/></flakyFailure>
            </testcase>
          </testsuite>
        </testsuites>"#,
    );
    assert_eq!(
        lines(&found),
        [
            "shop / shop / cart::adds: passed 12ms",
            "shop / shop / cart::removes: failed [thread 'cart::removes' (9) panicked at src/cart.rs:88:5: | index out of bounds & more ☺] 400ms src/cart.rs:88",
            "shop / shop / cart::flaky: passed 100ms",
        ]
    );
    let Annotation {
        path,
        start_line,
        title,
        ..
    } = &found.annotations[0];
    assert_eq!(
        (path.as_str(), *start_line, title.as_str()),
        ("src/cart.rs", 88, "cart::removes")
    );
    assert_eq!(found.annotations.len(), 1);
}

#[test]
fn pytest() {
    let found = read(
        r#"<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="1,234.5">
        <testcase classname="tests.test_cart" name="test_adds" file="tests/test_cart.py" line="3" time="0.001" />
        <testcase classname="tests.test_cart" name="test_fails" file="tests/test_cart.py" line="10" time="0.002"><failure message="assert 1 == 2">def test_fails():
&gt;       assert 1 == 2
E       assert 1 == 2

tests/test_cart.py:12: AssertionError</failure></testcase>
        <testcase classname="tests.test_cart" name="test_skips" time="0"><skipped type="pytest.skip" message="not on Linux">/work/tests/test_cart.py:14: not on Linux</skipped></testcase>
        <testcase classname="tests.test_cart" name="test_breaks" file="tests/test_cart.py" line="19" time="1,000.5"><error message="failed on setup with &quot;x&quot;">boom</error></testcase>
        </testsuite></testsuites>"#,
    );
    assert_eq!(
        lines(&found),
        [
            "pytest / tests.test_cart / test_adds: passed 1ms tests/test_cart.py:4",
            "pytest / tests.test_cart / test_fails: failed [def test_fails(): | >       assert 1 == 2 | E       assert 1 == 2 |  | tests/test_cart.py:12: AssertionError] 2ms tests/test_cart.py:12",
            "pytest / tests.test_cart / test_skips: skipped [/work/tests/test_cart.py:14: not on Linux] 0ms",
            "pytest / tests.test_cart / test_breaks: errored [failed on setup with \"x\" | boom] 1000500ms tests/test_cart.py:20",
        ]
    );
    assert_eq!(found.annotations.len(), 2);
}

#[test]
fn surefire_and_jest() {
    let found = read(
        r#"<testsuite xmlns:xsi="x" name="shop.CartTest" time="0.03" tests="2" errors="0" skipped="0" failures="1">
          <properties><property name="java.version" value="25"/></properties>
          <testcase name="adds" classname="shop.CartTest" time="0.01"/>
          <testcase name="removes" classname="shop.CartTest" time="0.02">
            <failure message="expected: &lt;1&gt;" type="org.opentest4j.AssertionFailedError"><![CDATA[AssertionFailedError: expected: <1>
	at shop.CartTest.removes(CartTest.java:42)]]></failure>
            <rerunFailure message="again" type="x"><stackTrace>failed</stackTrace></rerunFailure>
          </testcase>
        </testsuite>"#,
    );
    assert_eq!(
        lines(&found),
        [
            "shop.CartTest / shop.CartTest / adds: passed 10ms",
            "shop.CartTest / shop.CartTest / removes: failed [AssertionFailedError: expected: <1> | \tat shop.CartTest.removes(CartTest.java:42)] 20ms",
        ]
    );
    let found = read(
        r#"<testsuites name="jest tests"><testsuite name="cart" tests="1">
          <testcase classname="cart adds" name="cart adds" time="0.004" file="src/cart.test.ts"><failure>Error: x
    at Object.&lt;anonymous&gt; (src/cart.test.ts:40:13)</failure></testcase></testsuite></testsuites>"#,
    );
    assert!(
        lines(&found)[0].ends_with("4ms src/cart.test.ts:40"),
        "{:?}",
        lines(&found)
    );
}

#[test]
fn nested_suites_and_cases_without_one_are_kept() {
    let found = read(
        r#"<testsuites><testsuite name="outer"><testcase name="a"/><testsuite><testcase name="b"/></testsuite>
        <testsuite name="inner"><testcase name="c"/></testsuite><testcase name="d"/></testsuite>
        <testsuite name="empty"/><testcase name="e"/></testsuites>"#,
    );
    let mut sorted = lines(&found);
    sorted.sort();
    let expected = [
        " /  / e: passed",
        "inner /  / c: passed",
        "outer /  / a: passed",
        "outer /  / b: passed",
        "outer /  / d: passed",
    ];
    assert_eq!(sorted, expected);
}

#[test]
fn what_is_no_report_is_an_error_that_names_the_file() {
    for (content, why) in [
        (
            "<html><body/></html>",
            "it has neither `testsuites` nor `testsuite`",
        ),
        ("<testsuites><testsuite>", "it ends in the middle"),
        ("", "it has neither `testsuites` nor `testsuite`"),
    ] {
        let result = junit(r#"{"reports": ["*.xml"]}"#).finish(vec![report(content)], None);
        assert_eq!(
            result,
            Err(HookError::Failed(format!(
                "`junit.xml` is not a JUnit report: {why}"
            )))
        );
    }
    let broken =
        junit(r#"{"reports": ["*.xml"]}"#).finish(vec![report("<testsuites>\n</testcase>")], None);
    let Err(HookError::Failed(why)) = broken else {
        panic!()
    };
    assert!(why.ends_with("(line 2)"), "{why}");
    // What the report is quoted with stays one short line.
    let long = format!("<testsuites></a\n\n{}>", "b".repeat(9_000));
    let broken = junit(r#"{"reports": ["*.xml"]}"#).finish(vec![report(&long)], None);
    let Err(HookError::Failed(why)) = broken else {
        panic!()
    };
    assert!(why.lines().count() == 1 && why.len() < 400, "{why}");
}

#[test]
fn entities_of_a_document_type_are_not_expanded() {
    let found = read(
        r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>
        <testsuite name="&a;"><testcase name="x"><failure message="&b;">&a;&b;</failure></testcase></testsuite>"#,
    );
    assert_eq!(lines(&found), ["&a; /  / x: failed [&a;&b;]"]);
}

#[test]
fn a_command_that_fails_on_its_own_account_is_a_case() {
    let config = junit(r#"{"run": ["make"], "reports": ["*.xml"]}"#);
    let good = r#"<testsuite name="s"><testcase name="a"/></testsuite>"#;
    let bad = r#"<testsuite name="s"><testcase name="a"><failure/></testcase></testsuite>"#;
    let finish =
        |reports, failure: Option<&str>| config.finish(reports, failure.map(String::from)).unwrap();

    let own = "command /  / the command itself: errored [`make` ended with exit code 2]";
    let failure = Some("`make` ended with exit code 2");
    assert_eq!(lines(&finish(vec![], failure)), [own]);
    assert_eq!(
        lines(&finish(vec![report(good)], failure)),
        ["s /  / a: passed", own]
    );
    assert_eq!(
        lines(&finish(vec![report(bad)], failure)),
        ["s /  / a: failed []"]
    );
    // Killed while writing its report.
    assert_eq!(lines(&finish(vec![report("<testsui")], failure)), [own]);
}

#[test]
fn no_report_is_an_error_unless_allowed() {
    let config = junit(r#"{"reports": ["a.xml", "b/*.xml"]}"#);
    let Err(HookError::Failed(why)) = config.finish(vec![], None) else {
        panic!()
    };
    assert!(
        why.starts_with("no report that may be read matches `a.xml`, `b/*.xml`"),
        "{why}"
    );
    let config = junit(r#"{"reports": ["a.xml"], "allow-empty": true}"#);
    assert_eq!(config.finish(vec![], None).unwrap().suites, []);
}

#[test]
fn long_texts_are_cut_and_colours_left_out() {
    let long = "é".repeat(10_000);
    let found = read(&format!(
        r#"<testsuite name="s"><testcase name="a"><failure message="m">&#27;[31mred&#27;[0m {long}</failure></testcase></testsuite>"#
    ));
    let Outcome::Failed(text) = &found.suites[0].cases[0].outcome else {
        panic!()
    };
    assert!(text.starts_with("m\nred é"));
    assert_eq!(text.chars().count(), 4_001);
}

#[test]
fn all_mistakes_in_the_configuration_are_told_at_once() {
    let Err(HookError::InvalidConfig(problems)) = config::parse::<Junit>(
        r#"{"run": [], "reports": ["/tmp/x.xml", "../y.xml", 1], "repotrs": 1}"#,
    ) else {
        panic!()
    };
    let problems: Vec<String> = problems
        .into_iter()
        .map(|p| format!("{}: {}", p.path, p.message))
        .collect();
    assert_eq!(
        problems,
        [
            "run: is empty; leave it out where the reports are there already",
            "reports.2: must be a string, not `1`",
            "reports.0: `/tmp/x.xml` is not a path inside the checkout (no leading `/`, no `..`)",
            "reports.1: `../y.xml` is not a path inside the checkout (no leading `/`, no `..`)",
            "repotrs: unknown key, did you mean `reports`?",
        ]
    );
}
