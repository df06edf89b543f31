//! Annotations as commands for the runner. Source: actions/toolkit,
//! `packages/core/src/command.ts`, for what is escaped and how.

use baepo_core::hook::Annotation;
use baepo_core::verdict::Level;

use super::without_commands;

/// A remark on lines of a file.
pub(super) fn of_remark(annotation: &Annotation) -> String {
    let command = match annotation.level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Failure => "error",
    };
    let title = match annotation.title.as_str() {
        "" => String::new(),
        title => format!(",title={}", property(title)),
    };
    format!(
        "::{command} file={},line={},endLine={}{title}::{}",
        property(&annotation.path),
        annotation.start_line,
        annotation.end_line.max(annotation.start_line),
        data(&annotation.message)
    )
}

/// The text of a command.
pub(super) fn data(text: &str) -> String {
    let text = without_commands(text);
    text.replace('%', "%25").replace('\n', "%0A")
}

/// The value of a property of a command.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_cannot_become_another_command() {
        let annotation = Annotation {
            path: "a,line=9::b.rs".into(),
            start_line: 3,
            end_line: 1,
            level: Level::Failure,
            title: "x::y".into(),
            message: "first\n::add-path::/evil\n100 %".into(),
        };
        assert_eq!(
            of_remark(&annotation),
            "::error file=a%2Cline=9%3A%3Ab.rs,line=3,endLine=3,title=x%3A%3Ay::first%0A| ::add-path::/evil%0A100 %25"
        );
    }
}
