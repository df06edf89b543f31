//! Markdown of a stranger, of which little is left: lists, tables, headings as
//! bold lines, and bold words. All other text shows as it is written.

use super::escape::{escape, shorten};

/// The most lines that are shown.
const MOST_LINES: usize = 200;
/// The longest line, in characters.
const LONGEST_LINE: usize = 1_000;

/// The same, made harmless, line by line.
pub(super) fn lines(text: &str) -> Vec<String> {
    let shown = text.lines().take(MOST_LINES);
    shown
        .map(|text| line(&shorten(text.trim(), LONGEST_LINE)))
        .collect()
}

fn line(text: &str) -> String {
    if let Some(cells) = cells(text) {
        let is_rule = |cell: &str| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':'));
        let cells = cells.map(str::trim);
        let cells = cells.map(|cell| match is_rule(cell) {
            true => "---".to_owned(),
            false => inline(cell),
        });
        return format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    if let Some(item) = text.strip_prefix("- ").or_else(|| text.strip_prefix("* ")) {
        return format!("- {}", inline(item.trim()));
    }
    let heading = text.trim_start_matches('#');
    if heading.len() < text.len() && heading.starts_with(' ') {
        return format!("**{}**", escape(heading.trim()));
    }
    inline(text)
}

/// What is between the bars of a row.
fn cells(text: &str) -> Option<impl Iterator<Item = &str>> {
    let inner = text.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|'))
}

/// Words between two pairs of stars are bold, where all pairs are whole.
fn inline(text: &str) -> String {
    let parts: Vec<&str> = text.split("**").collect();
    let bold = parts.iter().skip(1).step_by(2);
    let is_whole = parts.len() % 2 == 1
        && bold
            .clone()
            .all(|part| !part.is_empty() && part.trim() == *part);
    match is_whole {
        true => parts
            .iter()
            .map(|part| escape(part))
            .collect::<Vec<_>>()
            .join("**"),
        false => escape(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_tables_and_bold_words_stay() {
        let text = "# Good\n- **3 times**: why\n\n| a | b |\n|---|:--|\n| 1 | x_y |";
        assert_eq!(
            lines(text).join("\n"),
            "**Good**\n- **3 times**: why\n\n| a | b |\n| --- | --- |\n| 1 | x\\_y |"
        );
    }

    #[test]
    fn nothing_else_does_anything() {
        let hostile = "</details><script>\n- @team **half\n```\n<!-- baepo -->\n    ::error::x\n\
                       | [a](https://x.y) |\n![p](https://x.y/z.png)\n#12 closes acme/shop#4";
        let shown = lines(hostile).join("\n");
        for bad in [
            "<", "@team", "[a](", "[p](", "**half", "```", "://", "#12", "#4",
        ] {
            assert!(!shown.contains(bad), "{bad}: {shown}");
        }
    }

    #[test]
    fn a_flood_is_cut() {
        assert_eq!(lines(&"x\n".repeat(1_000_000)).len(), MOST_LINES);
        assert!(lines(&"x".repeat(10_000_000))[0].chars().count() <= LONGEST_LINE + 1);
    }
}
