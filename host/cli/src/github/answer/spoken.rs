//! What a comment asks for: pure.

/// The word that a line of ours begins with.
const NAME: &str = "/baepo";
/// How alike a word must be to what it may have meant.
const ALIKE: f64 = 0.7;
/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 200;

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Promote,
    Abort,
    Pause,
    Resume,
    Rollback,
    Retry,
    Deploy,
    Status,
    Lock,
    Unlock,
    Help,
}

/// Each word, how it is used, and what it does.
pub(crate) const WORDS: [(&str, Verb, &str, &str); 11] = [
    ("promote", Verb::Promote, "[environment] [--full]", "go one step on, or all the way"),
    ("abort", Verb::Abort, "[environment]", "go back to what served before the rollout"),
    ("pause", Verb::Pause, "[environment]", "hold at the present share after the present step"),
    ("resume", Verb::Resume, "[environment]", "end a hold or a pause"),
    ("rollback", Verb::Rollback, "[environment]", "go back to the release that served before"),
    ("retry", Verb::Retry, "[environment]", "roll the default branch out again although it was rolled back"),
    ("deploy", Verb::Deploy, "environment", "roll the default branch out to this environment"),
    ("status", Verb::Status, "[environment]", "what serves and what is on its way"),
    ("lock", Verb::Lock, "[environment] [reason]", "let nothing new be rolled out"),
    ("unlock", Verb::Unlock, "[environment]", "let it be rolled out to again"),
    ("help", Verb::Help, "", "this list"),
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
}

/// The first command of a comment; `None` where nothing in it is for us. What
/// is quoted or in a block of code was said by somebody else, or is an example.
pub(crate) fn heard(
    body: &str,
    environments: &[&str],
) -> Option<Result<Order, Misunderstood>> {
    let mut fence = None;
    for line in body.lines() {
        let line = line.trim_end();
        let marks = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| marks.starts_with(mark));
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
            return Some(order(rest, environments));
        }
    }
    None
}

fn order(rest: &str, environments: &[&str]) -> Result<Order, Misunderstood> {
    let mut words = rest.split_whitespace().peekable();
    let word = words.next().unwrap_or("help");
    let known = WORDS.iter().find(|(name, ..)| *name == word);
    let Some((_, verb, ..)) = known else {
        return Err(Misunderstood::Word(nearest(word)));
    };
    let environment = words
        .next_if(|word| environments.contains(word))
        .map(str::to_owned);
    let full = *verb == Verb::Promote && words.next_if(|word| *word == "--full").is_some();
    let more: Vec<&str> = words.collect();
    let mut reason = String::new();
    match verb {
        Verb::Lock => reason = more.join(" ").chars().take(LONGEST_REASON).collect(),
        _ if !more.is_empty() => return Err(Misunderstood::More(more.join(" "))),
        Verb::Deploy if environment.is_none() => return Err(Misunderstood::Where),
        _ => {}
    }
    Ok(Order {
        verb: *verb,
        environment,
        full,
        reason,
    })
}

fn nearest(word: &str) -> Option<&'static str> {
    let alike = |known: &str| strsim::jaro_winkler(known, &word.to_lowercase());
    WORDS
        .iter()
        .map(|(known, ..)| (*known, alike(known)))
        .filter(|(_, alike)| *alike >= ALIKE)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(known, _)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(body: &str) -> Option<Result<Order, Misunderstood>> {
        heard(body, &["staging", "production"])
    }

    fn plain(verb: Verb, environment: Option<&str>) -> Option<Result<Order, Misunderstood>> {
        Some(Ok(Order {
            verb,
            environment: environment.map(str::to_owned),
            full: false,
            reason: String::new(),
        }))
    }

    #[test]
    fn a_command_is_a_line_of_its_own() {
        assert_eq!(hear("/baepo abort"), plain(Verb::Abort, None));
        let among = "It is slow.\n\n/baepo pause production\r\nThanks!";
        assert_eq!(hear(among), plain(Verb::Pause, Some("production")));
        assert_eq!(hear("/baepo"), plain(Verb::Help, None));
        for other in ["please /baepo abort", "/baepotron abort", "> /baepo abort", "baepo abort"] {
            assert_eq!(hear(other), None, "{other}");
        }
        let example = "Say\n```\n/baepo abort\n```\nor\n~~~sh\n```\n/baepo abort\n~~~";
        assert_eq!(hear(example), None);
    }

    #[test]
    fn only_a_lock_has_a_reason_and_only_a_promotion_goes_all_the_way() {
        let lock = hear("/baepo lock staging the database moves").unwrap().unwrap();
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
