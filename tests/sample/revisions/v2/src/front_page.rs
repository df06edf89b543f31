//! The front page: what a visitor sees, and which revision answered.

/// The name of this revision, also sent as `x-revision` with every answer.
pub const REVISION: &str = "v2";

/// The front page for the visitor number `visit`, as JSON.
pub fn render(greeting: &str, visit: u64) -> String {
    format!(
        concat!(
            r#"{{"shop":"Morning Bakery","revision":"{revision}","greeting":"{greeting}","#,
            r#""visit":{visit},"bread":["rye","spelt","sourdough"],"#,
            r#""delivery":"tomorrow by eight"}}"#,
            "\n"
        ),
        revision = REVISION,
        greeting = crate::routes::json_escape(greeting),
        visit = visit,
    )
}
