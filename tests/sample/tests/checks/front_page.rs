//! What a visitor sees.

use crate::report::Check;
use crate::service::Service;

pub const CHECKS: &[Check] = &[
    ("the front page greets and counts", greets_and_counts),
    ("the front page names its revision", names_its_revision),
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
    assert_eq!(page.header("x-revision"), Some("v1"));
    assert!(page.body.contains(r#""revision":"v1""#), "{}", page.body);
}
