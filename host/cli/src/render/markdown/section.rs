//! A page as sections that can be shortened one by one, each of them whole in
//! itself: what is opened in a section is closed in it.

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// What people call it, where it is said to have been shortened.
    pub name: &'static str,
    /// The larger, the sooner it is shortened; nothing of rank 0 ever is.
    pub rank: u8,
    /// Before the lines; kept with them.
    pub open: String,
    /// What can be left out, from the end.
    pub lines: Vec<String>,
    /// After the lines.
    pub close: String,
}

impl Section {
    /// A section that is kept as it is.
    pub(super) fn fixed(text: impl Into<String>) -> Section {
        Section {
            name: "",
            rank: 0,
            open: text.into(),
            lines: Vec::new(),
            close: String::new(),
        }
    }

    /// Lines that are seen at once.
    pub(super) fn open(name: &'static str, rank: u8, head: &str, lines: Vec<String>) -> Section {
        let close = String::new();
        let open = head.to_owned();
        Section {
            name,
            rank,
            open,
            lines,
            close,
        }
    }

    /// Lines that are seen when a title is clicked at. The title is HTML, on one
    /// line.
    pub(super) fn folded(
        name: &'static str,
        rank: u8,
        title: &str,
        head: &str,
        lines: Vec<String>,
    ) -> Section {
        Section {
            name,
            rank,
            open: format!("<details><summary>{title}</summary>\n\n{head}"),
            lines,
            close: "\n\n</details>".into(),
        }
    }

    fn text(&self, lines: usize) -> String {
        let mut text = self.open.trim_end().to_owned();
        // Markdown in HTML begins after an empty line.
        if text.ends_with("</summary>") {
            text.push('\n');
        }
        for line in &self.lines[..lines.min(self.lines.len())] {
            text.push('\n');
            text.push_str(line);
        }
        let left_out = self.lines.len() - lines.min(self.lines.len());
        if left_out > 0 {
            text.push_str(&format!("\n\n… and {left_out} more lines"));
        }
        text.push_str(&self.close);
        text.trim_start_matches('\n').to_owned()
    }
}

/// How long a page may be, and in what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Room {
    /// Unicode characters.
    Characters(usize),
    /// Bytes of UTF-8.
    Bytes(usize),
}

impl Room {
    fn has(self, text: &str) -> bool {
        match self {
            Room::Characters(most) => text.chars().count() <= most,
            Room::Bytes(most) => text.len() <= most,
        }
    }
}

/// The page, its sections shortened where it would be too long; `said` is put
/// before the last section then, with the names of what was shortened.
pub(super) fn fit(sections: &[Section], room: Room, said: &dyn Fn(&str) -> String) -> String {
    let mut kept: Vec<Option<usize>> = sections.iter().map(|s| Some(s.lines.len())).collect();
    let mut page = join(sections, &kept, "");
    if room.has(&page) {
        return page;
    }
    let mut order: Vec<usize> = (0..sections.len())
        .filter(|i| sections[*i].rank > 0)
        .collect();
    order.sort_by_key(|index| std::cmp::Reverse((sections[*index].rank, *index)));
    let mut shortened: Vec<&str> = Vec::new();
    for index in order {
        let name = sections[index].name;
        if !shortened.contains(&name) {
            shortened.push(name);
        }
        let note = said(&shortened.join(", "));
        // The most lines with which the page fits, by halving; none at all
        // where it does not fit even with none.
        let (mut few, mut many) = (0, sections[index].lines.len());
        kept[index] = Some(0);
        page = join(sections, &kept, &note);
        if !room.has(&page) {
            kept[index] = None;
            page = join(sections, &kept, &note);
            if !room.has(&page) {
                continue;
            }
            return page;
        }
        while few + 1 < many {
            let middle = few + (many - few) / 2;
            kept[index] = Some(middle);
            match room.has(&join(sections, &kept, &note)) {
                true => few = middle,
                false => many = middle,
            }
        }
        kept[index] = Some(few);
        return join(sections, &kept, &note);
    }
    page
}

fn join(sections: &[Section], kept: &[Option<usize>], note: &str) -> String {
    let mut parts: Vec<String> = sections
        .iter()
        .zip(kept)
        .filter_map(|(section, kept)| Some(section.text((*kept)?)))
        .filter(|text| !text.is_empty())
        .collect();
    if !note.is_empty() {
        let last = parts.len().saturating_sub(1);
        parts.insert(last, note.to_owned());
    }
    parts.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: usize, room: Room) -> String {
        let lines = |word: &str| (0..lines).map(|n| format!("| {word} {n} |")).collect();
        let sections = [
            Section::fixed("### It is fine"),
            Section::open("gates", 1, "| g |\n|---|", lines("gate")),
            Section::folded("stages", 2, "Stages", "| s |\n|---|", lines("stage")),
            Section::fixed("<sub>end</sub>"),
        ];
        fit(&sections, room, &|names| format!("> Shortened: {names}."))
    }

    #[test]
    fn what_fits_is_not_touched() {
        let text = page(2, Room::Characters(1_000));
        assert_eq!(
            text,
            "### It is fine\n\n| g |\n|---|\n| gate 0 |\n| gate 1 |\n\n<details><summary>Stages</summary>\n\n\
             | s |\n|---|\n| stage 0 |\n| stage 1 |\n\n</details>\n\n<sub>end</sub>\n"
        );
    }

    #[test]
    fn the_less_important_is_shortened_first_and_as_little_as_needed() {
        let text = page(100, Room::Characters(2_500));
        assert!(
            text.chars().count() <= 2_500 && text.chars().count() > 2_450,
            "{}",
            text.len()
        );
        assert!(text.contains("| gate 99 |") && !text.contains("| stage 99 |"));
        assert!(text.contains("> Shortened: stages.\n\n<sub>end</sub>\n"));
        assert!(text.contains(" more lines\n\n</details>"));
    }

    #[test]
    fn whatever_the_room_the_page_keeps_to_it_and_is_balanced() {
        for room in (120..6_000).step_by(7) {
            let text = page(100, Room::Bytes(room));
            assert!(text.len() <= room, "{room}: {}", text.len());
            assert_eq!(
                text.matches("<details>").count(),
                text.matches("</details>").count()
            );
            assert!(text.starts_with("### It is fine") && text.ends_with("<sub>end</sub>\n"));
        }
    }
}
