//! What a person is answered: pure.

use super::spoken::{Misunderstood, WORDS};
use crate::exit::Exit;
use crate::operate::Came;
use crate::render::markdown::escape::{brief, code, shorten};

/// The longest line of an answer, in characters.
const LONGEST_LINE: usize = 600;

/// A reaction at the comment that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It was read.
    Seen,
    /// It was done.
    Done,
    /// It was not done, or did not end well.
    NotDone,
    /// Nobody knows what it asks for.
    Unclear,
}

impl Mark {
    /// GitHub's word.
    pub(super) fn reaction(self) -> &'static str {
        match self {
            Mark::Seen => "eyes",
            Mark::Done => "rocket",
            Mark::NotDone => "-1",
            Mark::Unclear => "confused",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Mark::Seen => "👀",
            Mark::Done => "🚀",
            Mark::NotDone => "👎",
            Mark::Unclear => "😕",
        }
    }
}

/// What a person is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The reaction.
    pub(super) mark: Mark,
    /// How the job ends.
    pub(super) exit: Exit,
    /// Markdown; nothing where a reaction is enough.
    pub(super) text: Option<String>,
    /// Outcome and reason code for the outputs of the job; absent where a run
    /// has handed out its own.
    pub(super) outcome: Option<(&'static str, &'static str)>,
}

impl Answer {
    /// It was done: Markdown.
    pub(super) fn done(text: String) -> Answer {
        Answer {
            mark: Mark::Done,
            exit: Exit::Success,
            text: Some(text),
            outcome: Some(("succeeded", "done")),
        }
    }

    /// It was not done, and nothing was changed: plain text. What people ask for
    /// in vain is no failure of the job.
    pub(super) fn refused(why: &str) -> Answer {
        Answer {
            mark: Mark::NotDone,
            exit: Exit::Success,
            text: Some(brief(why, LONGEST_LINE)),
            outcome: Some(("refused", "not-possible")),
        }
    }

    /// Whoever asked may not. There is no comment: strangers could make us
    /// write as many as they like.
    pub(super) fn not_permitted() -> Answer {
        Answer {
            text: None,
            outcome: Some(("refused", "not-permitted")),
            ..Answer::refused("")
        }
    }

    /// It was tried and did not work, because of the target or of something
    /// else: plain text.
    pub(super) fn failed(why: &str, is_of_target: bool) -> Answer {
        let reason = match is_of_target {
            true => "target",
            false => "not-possible",
        };
        Answer {
            exit: Exit::Failed,
            outcome: Some(("failed", reason)),
            ..Answer::refused(why)
        }
    }

    /// It is not clear what is asked for.
    pub(super) fn unclear(what: &Misunderstood, environments: &[&str]) -> Answer {
        Answer {
            mark: Mark::Unclear,
            exit: Exit::Success,
            text: Some(explained(what, environments)),
            outcome: Some(("refused", "not-understood")),
        }
    }

    /// What an operation came to.
    pub(super) fn of(came: &Came) -> Answer {
        let (mark, exit) = match came.exit {
            Exit::Success | Exit::Waiting => (Mark::Done, came.exit),
            // Nothing was there to do it with; nobody's job has failed.
            Exit::Usage | Exit::Locked => (Mark::NotDone, Exit::Success),
            exit => (Mark::NotDone, exit),
        };
        let outcome = match mark {
            Mark::Done => ("succeeded", "done"),
            _ => ("refused", "not-possible"),
        };
        Answer {
            mark,
            exit,
            text: Some(brief(&came.said, LONGEST_LINE)),
            outcome: (!came.has_run).then_some(outcome),
        }
    }

    /// The comment: what was asked in its first line, and the answer.
    pub(super) fn page(&self, asked: &str, login: &str, run: &str) -> Option<String> {
        let text = self.text.as_ref()?;
        Some(format!(
            "{} {text}\n\n<sub>{} by {} · [run]({run})</sub>\n",
            self.mark.sign(),
            code(&shorten(asked.trim(), 200)),
            brief(login, 60)
        ))
    }
}

fn explained(what: &Misunderstood, environments: &[&str]) -> String {
    let names: Vec<String> = environments.iter().map(|name| code(name)).collect();
    let names = names.join(", ");
    match what {
        Misunderstood::Word(Some(nearest)) => {
            format!("I do not know that word. Did you mean `/baepo {nearest}`?")
        }
        Misunderstood::Word(None) => {
            format!("I do not know that word. These I know:\n\n{}", help())
        }
        Misunderstood::More(more) => format!(
            "I do not know what {} means there, so nothing was done. Environments are {names}; \
             `/baepo help` shows how each command is said.",
            code(&more.chars().take(100).collect::<String>())
        ),
        Misunderstood::Where => {
            format!("Where to? Say `/baepo deploy ENVIRONMENT`, with one of {names}.")
        }
        Misunderstood::Time(expected) => {
            format!("The time after `for` {}.", brief(expected, 200))
        }
    }
}

/// All commands, as a table.
pub(super) fn help() -> String {
    let rows = WORDS.iter().map(|word| {
        let said = format!("/baepo {} {}", word.name, word.usage);
        format!("| `{}` | {} |", said.trim_end(), word.meaning)
    });
    let rows: Vec<String> = rows.collect();
    format!("| say | to |\n|---|---|\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_cannot_break_out_of_the_answer() {
        let answer = Answer::refused("no @team <b> #1");
        let page = answer
            .page(
                "/baepo lock `x` @team\n<!-- baepo",
                "baker",
                "https://github.com/a/b",
            )
            .unwrap();
        assert!(
            page.starts_with("👎 no @\u{2060}team &lt;b&gt; #\u{2060}1\n"),
            "{page}"
        );
        assert!(
            page.contains("<sub>`` /baepo lock `x` @team <!-- baepo ``"),
            "{page}"
        );
    }

    #[test]
    fn the_documentation_has_the_same_commands() {
        let page = include_str!("../../../../docs/commands.md");
        assert!(page.contains(&help()), "{}", help());
    }

    #[test]
    fn what_is_nearly_right_is_told_what_is() {
        let told = |what| Answer::unclear(&what, &["staging", "eu"]).text.unwrap();
        assert!(told(Misunderstood::Word(Some("promote"))).contains("`/baepo promote`"));
        assert!(
            told(Misunderstood::Word(None)).contains("| `/baepo deploy environment [commit]` |")
        );
        assert!(told(Misunderstood::Where).contains("`staging`, `eu`"));
    }
}
