//! What a visitor sees.

use crate::report::Check;
use crate::service::Service;

pub const CHECKS: &[Check] = &[
    ("the front page greets and counts", greets_and_counts),
    ("the front page names its revision", names_its_revision),
    ("the front page promises a delivery", promises_delivery),
    (
        "the front page suggests something to new visitors only when it can",
        suggests,
    ),
];

fn greets_and_counts() {
    let service = Service::start(&[("GREETING", r#"Good "morning""#)]);
    let page = service.get("/");
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains(r#""greeting":"Good \"morning\"""#),
        "{}",
        page.body
    );
    assert!(page.body.contains(r#""visit":1,"#), "{}", page.body);
    assert!(service.get("/").body.contains(r#""visit":2,"#));
}

fn names_its_revision() {
    let page = Service::start(&[]).get("/");
    assert_eq!(page.header("x-revision"), Some("v3"));
    assert!(page.body.contains(r#""revision":"v3""#), "{}", page.body);
}

fn promises_delivery() {
    let page = Service::start(&[]).get("/");
    assert!(
        page.body.contains(r#""delivery":"tomorrow by eight""#),
        "{}",
        page.body
    );
}

fn suggests() {
    let page = Service::start(&[]).get("/");
    assert!(page.body.contains(r#""suggestion":null"#), "{}", page.body);
}
