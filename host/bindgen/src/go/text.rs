//! Go source text, line by line, as `gofmt` would leave it.

use wit_parser::Docs;

/// One file in the making.
#[derive(Default)]
pub(super) struct Text {
    out: String,
    depth: usize,
}

/// A field of a struct: its documentation, name and type.
pub(super) struct Field<'a> {
    pub(super) docs: &'a Docs,
    pub(super) name: String,
    pub(super) ty: String,
}

impl Text {
    /// One line at the present depth.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        for _ in 0..self.depth {
            self.out.push('\t');
        }
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    /// A line after which all is one deeper.
    pub(super) fn open(&mut self, line: impl AsRef<str>) {
        self.line(line);
        self.depth += 1;
    }

    /// The line that ends what [`Text::open`] began.
    pub(super) fn close(&mut self, line: impl AsRef<str>) {
        self.depth -= 1;
        self.line(line);
    }

    /// A line between two depths: `} else {`, `case 1:`.
    pub(super) fn turn(&mut self, line: impl AsRef<str>) {
        self.depth -= 1;
        self.open(line);
    }

    /// The end of a depth that has no line of its own, as that of `case`.
    pub(super) fn close_silently(&mut self) {
        self.depth -= 1;
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    /// What the interface says of something.
    pub(super) fn docs(&mut self, docs: &Docs) {
        if let Some(text) = &docs.contents {
            self.comment(text);
        }
    }

    /// A documentation comment. The items of a list are indented, as `gofmt`
    /// wants them.
    pub(super) fn comment(&mut self, text: &str) {
        let mut is_in_list = false;
        for line in text.trim_end().lines() {
            let line = line.trim_end();
            let is_item = line.starts_with("- ");
            is_in_list = is_item || (is_in_list && !line.is_empty());
            match (line.is_empty(), is_item, is_in_list) {
                (true, ..) => self.line("//"),
                (_, true, _) => self.line(format!("//   {line}")),
                (_, _, true) => self.line(format!("//     {}", line.trim_start())),
                _ => self.line(format!("// {}", line.trim_start())),
            }
        }
    }

    /// A comment of one paragraph, in lines of a common width.
    pub(super) fn sentence(&mut self, text: &str) {
        const WIDTH: usize = 76;
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                self.comment(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.comment(&line);
    }

    /// The fields of a struct. Names that follow each other without a comment
    /// between them have their types in one column.
    pub(super) fn fields(&mut self, fields: &[Field<'_>]) {
        let mut rest = fields;
        while let Some((_, behind)) = rest.split_first() {
            let plain = behind.iter().take_while(|field| field.docs.is_empty());
            let count = 1 + plain.count();
            let (run, after) = rest.split_at(count);
            let width = run.iter().map(|field| field.name.len()).max().unwrap_or(0);
            for field in run {
                self.docs(field.docs);
                self.line(format!("{:width$} {}", field.name, field.ty));
            }
            rest = after;
        }
    }

    pub(super) fn push(&mut self, other: &str) {
        self.out.push_str(other);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}
