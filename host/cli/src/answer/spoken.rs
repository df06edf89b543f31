//! What a comment asks for: pure.

use baepo_core::time::Millis;

use crate::config::unit::parse_duration;

/// The word that a line of ours begins with.
const NAME: &str = "/baepo";
/// How alike a word must be to what it may have meant.
const ALIKE: f64 = 0.7;
/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 200;

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Approve,
    Promote,
    Abort,
    Pause,
    Resume,
    Rollback,
    Retry,
    Deploy,
    Plan,
    Status,
    Lock,
    Unlock,
    Help,
}

impl Verb {
    /// The word.
    pub(crate) fn name(self) -> &'static str {
        let word = WORDS.iter().find(|word| word.verb == self);
        word.map_or("help", |word| word.name)
    }
}

/// A word, how it is used, and what it does.
pub(crate) struct Word {
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
    pub(crate) usage: &'static str,
    pub(crate) meaning: &'static str,
}

const fn word(name: &'static str, verb: Verb, usage: &'static str, meaning: &'static str) -> Word {
    Word {
        name,
        verb,
        usage,
        meaning,
    }
}

/// All words.
pub(crate) const WORDS: [Word; 13] = [
    word(
        "approve",
        Verb::Approve,
        "[environment]",
        "let a release be rolled out that waits for it",
    ),
    word(
        "promote",
        Verb::Promote,
        "[environment] [--full]",
        "go one step on, or all the way",
    ),
    word(
        "abort",
        Verb::Abort,
        "[environment]",
        "go back to what served before the rollout",
    ),
    word(
        "pause",
        Verb::Pause,
        "[environment]",
        "hold at the present share after the present step",
    ),
    word(
        "resume",
        Verb::Resume,
        "[environment]",
        "end a hold or a pause",
    ),
    word(
        "rollback",
        Verb::Rollback,
        "[environment] [release]",
        "go back to the release that served before, or to this one",
    ),
    word(
        "retry",
        Verb::Retry,
        "[environment]",
        "roll out again what was rolled back; without an environment, build and test again",
    ),
    word(
        "deploy",
        Verb::Deploy,
        "environment [commit]",
        "roll this pull request out to an environment",
    ),
    word(
        "plan",
        Verb::Plan,
        "[environment]",
        "what a rollout would do",
    ),
    word(
        "status",
        Verb::Status,
        "[environment]",
        "what serves and what is on its way",
    ),
    word(
        "lock",
        Verb::Lock,
        "[environment] [for 2h] [reason]",
        "let nothing new be rolled out",
    ),
    word(
        "unlock",
        Verb::Unlock,
        "[environment]",
        "let it be rolled out to again",
    ),
    word("help", Verb::Help, "", "this list"),
];

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// What.
    pub(crate) verb: Verb,
    /// Where, if that was said.
    pub(crate) environment: Option<String>,
    /// All the way.
    pub(crate) full: bool,
    /// The beginning of a commit or of a digest, if that was said.
    pub(crate) what: Option<String>,
    /// For how long, if that was said.
    pub(crate) lasting: Option<Millis>,
    /// Why, if that was said.
    pub(crate) reason: String,
}

/// Why a line that is meant for us is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misunderstood {
    /// No such word; the one that it is most like.
    Word(Option<&'static str>),
    /// It goes on with something that has no meaning there.
    More(String),
    /// `deploy` without saying where.
    Where,
    /// A time that is none, and what is expected.
    Time(String),
}

/// The first command of a comment, and its line; `None` where nothing in it is for us. What
/// is quoted or in a block of code was said by somebody else, or is an example.
pub(crate) fn heard(
    body: &str,
    environments: &[&str],
) -> Option<(String, Result<Order, Misunderstood>)> {
    let mut fence = None;
    for line in body.lines() {
        let line = line.trim_end();
        let marks = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| marks.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() {
            continue;
        }
        let Some(rest) = line.strip_prefix(NAME) else {
            continue;
        };
        if rest.is_empty() || rest.starts_with(char::is_whitespace) {
            return Some((line.to_owned(), order(rest, environments)));
        }
    }
    None
}

fn order(rest: &str, environments: &[&str]) -> Result<Order, Misunderstood> {
    let mut words = rest.split_whitespace().peekable();
    let name = words.next().unwrap_or("help");
    let Some(word) = WORDS.iter().find(|word| word.name == name) else {
        return Err(Misunderstood::Word(nearest(name)));
    };
    let verb = word.verb;
    let environment = words
        .next_if(|word| environments.contains(word))
        .map(str::to_owned);
    let full = verb == Verb::Promote && words.next_if(|word| *word == "--full").is_some();
    let what = match verb {
        Verb::Deploy | Verb::Rollback => words.next_if(|word| is_name_of_code(word)),
        _ => None,
    };
    if verb == Verb::Retry && environment.is_none() {
        // Stages that are run again in any case.
        words.next_if(|word| matches!(*word, "build" | "test"));
    }
    let mut lasting = None;
    if verb == Verb::Lock && words.next_if(|word| *word == "for").is_some() {
        let time = words.next().unwrap_or_default();
        lasting = Some(parse_duration(time).map_err(Misunderstood::Time)?);
    }
    let more: Vec<&str> = words.collect();
    let mut reason = String::new();
    match verb {
        Verb::Lock => reason = more.join(" ").chars().take(LONGEST_REASON).collect(),
        _ if !more.is_empty() => return Err(Misunderstood::More(more.join(" "))),
        Verb::Deploy if environment.is_none() => return Err(Misunderstood::Where),
        _ => {}
    }
    Ok(Order {
        verb,
        environment,
        full,
        what: what.map(str::to_owned),
        lasting,
        reason,
    })
}

/// The beginning of a commit or of a digest: long enough to mean one alone.
fn is_name_of_code(word: &str) -> bool {
    let hex = word.strip_prefix("sha256:").unwrap_or(word);
    (7..=64).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn nearest(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let alike = |known: &str| strsim::jaro_winkler(known, &word);
    WORDS
        .iter()
        .map(|known| (known.name, alike(known.name)))
        .filter(|(_, alike)| *alike >= ALIKE)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(known, _)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(body: &str) -> Option<Result<Order, Misunderstood>> {
        heard(body, &["staging", "production"]).map(|(_, order)| order)
    }

    fn plain(verb: Verb, environment: Option<&str>) -> Option<Result<Order, Misunderstood>> {
        Some(Ok(Order {
            verb,
            environment: environment.map(str::to_owned),
            full: false,
            what: None,
            lasting: None,
            reason: String::new(),
        }))
    }

    #[test]
    fn a_command_is_a_line_of_its_own() {
        assert_eq!(hear("/baepo abort"), plain(Verb::Abort, None));
        let among = "It is slow.\n\n/baepo pause production\r\nThanks!";
        assert_eq!(hear(among), plain(Verb::Pause, Some("production")));
        assert_eq!(hear("/baepo"), plain(Verb::Help, None));
        for other in [
            "please /baepo abort",
            "/baepotron abort",
            "> /baepo abort",
            "baepo abort",
        ] {
            assert_eq!(hear(other), None, "{other}");
        }
        let example = "Say\n```\n/baepo abort\n```\nor\n~~~sh\n```\n/baepo abort\n~~~";
        assert_eq!(hear(example), None);
    }

    #[test]
    fn only_a_lock_has_a_reason_and_only_a_promotion_goes_all_the_way() {
        let lock = hear("/baepo lock staging the database moves")
            .unwrap()
            .unwrap();
        assert_eq!(
            (lock.environment.as_deref(), lock.reason.as_str()),
            (Some("staging"), "the database moves")
        );
        let full = hear("/baepo promote production --full").unwrap().unwrap();
        assert!(full.full);
        for (body, more) in [
            ("/baepo abort --full", "--full"),
            ("/baepo abort the mission", "the mission"),
            ("/baepo rollback prod", "prod"),
        ] {
            assert_eq!(hear(body), Some(Err(Misunderstood::More(more.into()))));
        }
        assert_eq!(hear("/baepo deploy"), Some(Err(Misunderstood::Where)));
    }

    #[test]
    fn what_and_how_long_are_said_after_where() {
        let order = |body| hear(body).unwrap().unwrap();
        let deploy = order("/baepo deploy staging 0a1b2c3d");
        assert_eq!(deploy.what.as_deref(), Some("0a1b2c3d"));
        assert_eq!(
            order("/baepo rollback sha256:0a1b2c3d").what.as_deref(),
            Some("sha256:0a1b2c3d")
        );
        let lock = order("/baepo lock for 2h the database moves");
        assert_eq!(lock.lasting, Some(Millis::from_secs(7200)));
        assert_eq!(lock.reason, "the database moves");
        let endless = hear("/baepo lock for ever");
        assert!(matches!(endless, Some(Err(Misunderstood::Time(_)))));
        assert_eq!(hear("/baepo retry test"), plain(Verb::Retry, None));
        let short = hear("/baepo deploy staging 0a1b");
        assert_eq!(short, Some(Err(Misunderstood::More("0a1b".into()))));
    }

    #[test]
    fn what_is_nearly_right_is_named() {
        let word = |body| match hear(body) {
            Some(Err(Misunderstood::Word(nearest))) => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(word("/baepo promtoe"), Some("promote"));
        assert_eq!(word("/baepo Rollback"), Some("rollback"));
        assert_eq!(word("/baepo xyzzy"), None);
    }
}
