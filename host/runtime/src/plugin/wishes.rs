//! What a plugin says that it wants: the custom section `baepo:wishes`.
//!
//! It is read before anything of the plugin is compiled or run. Wishes grant
//! nothing; they bound what the user's file grants, so that a plugin that was
//! taken over cannot use more than its author once stated, and they tell a
//! reviewer what a new version wants that the old one did not.

use serde::{Deserialize, Serialize};
use wasmparser::Payload;

use super::walk::{WalkError, walk};
use crate::capability::Capability;
use crate::capability::grants::Grants;
use crate::capability::permit::{Layer, LayerKind};

/// The name of the custom section, at the top level of the component.
pub const SECTION: &str = "baepo:wishes";

/// The version of the section that this host reads and writes.
const VERSION: u32 = 1;

/// Bytes of the largest section.
const MAX_BYTES: usize = 64 << 10;

/// The most wishes of one plugin.
const MAX_WISHES: usize = 200;

/// Characters of the longest scope or reason.
const MAX_TEXT: usize = 500;

/// The scope that stands for whatever the user's file says.
pub const ANY: &str = "*";

/// All wishes of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    list: Vec<Wish>,
}

/// One thing that a plugin wants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wish {
    /// Which capability.
    pub capability: Capability,
    /// For what, as it would stand under `allow:`, or `*` for whatever the user
    /// says.
    pub scope: String,
    /// Why, in one sentence for people.
    pub reason: String,
}

/// Why the wishes of a plugin cannot be read, or are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishesError {
    /// The section is larger than wishes are.
    #[error("its section `{SECTION}` has {size_bytes} bytes, at most {MAX_BYTES} are read")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// There are two sections, and nobody knows which counts.
    #[error("it has more than one section `{SECTION}`")]
    Repeated,
    /// The section is not the JSON that it should be.
    #[error("its section `{SECTION}` cannot be read: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// The section is of another version.
    #[error("its section `{SECTION}` has version {found}, and this baepo knows {VERSION}")]
    Version {
        /// Which.
        found: u32,
    },
    /// A wish is none.
    #[error("its wish for {capability} `{scope}` is none: {why}")]
    Wish {
        /// Which capability.
        capability: Capability,
        /// For what.
        scope: String,
        /// What is wrong with it.
        why: String,
    },
    /// The component around it is damaged.
    #[error("it is damaged: {why}")]
    Damaged {
        /// What the parser says.
        why: String,
    },
}

impl From<WalkError> for WishesError {
    fn from(error: WalkError) -> WishesError {
        WishesError::Damaged { why: error.why }
    }
}

/// The section as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionText {
    version: u32,
    wishes: Vec<Wish>,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Wishes {
    /// These wishes, checked.
    ///
    /// # Errors
    /// The first wish that is none.
    pub fn new(list: Vec<Wish>) -> Result<Wishes, WishesError> {
        if list.len() > MAX_WISHES {
            let why = format!("it has {} wishes, at most {MAX_WISHES}", list.len());
            return Err(WishesError::Malformed { why });
        }
        for wish in &list {
            check(wish).map_err(|why| WishesError::Wish {
                capability: wish.capability,
                scope: wish.scope.escape_debug().take(MAX_TEXT).collect(),
                why,
            })?;
        }
        Ok(Wishes { list })
    }

    /// The wishes of a component; `None` where it states none, and wants whatever
    /// is granted.
    ///
    /// # Errors
    /// When there is a section and it is not right.
    pub fn read(component: &[u8]) -> Result<Option<Wishes>, WishesError> {
        let mut found = None;
        walk(component, |_, payload| {
            if let Payload::CustomSection(section) = payload
                && section.name() == SECTION
            {
                if found.is_some() {
                    return Err(WishesError::Repeated);
                }
                found = Some(Wishes::parse(section.data())?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn parse(data: &[u8]) -> Result<Wishes, WishesError> {
        if data.len() > MAX_BYTES {
            let size_bytes = data.len();
            return Err(WishesError::TooLarge { size_bytes });
        }
        let malformed = |error: serde_json::Error| WishesError::Malformed {
            why: error.to_string(),
        };
        // The version first: what a later one looks like is not known.
        let VersionOnly { version } = serde_json::from_slice(data).map_err(malformed)?;
        if version != VERSION {
            return Err(WishesError::Version { found: version });
        }
        let text: SectionText = serde_json::from_slice(data).map_err(malformed)?;
        Wishes::new(text.wishes)
    }

    /// Each wish, in the author's order.
    pub fn list(&self) -> &[Wish] {
        &self.list
    }

    /// What they mean for the grants of this plugin.
    pub fn layer(&self) -> Layer {
        let mut covered = Grants::default();
        let mut open = std::collections::BTreeSet::new();
        for wish in &self.list {
            if wish.scope == ANY {
                open.insert(wish.capability);
            } else {
                // A scope that is no pattern was refused when it was read.
                let _ = covered.push(wish.capability, &wish.scope);
            }
        }
        Layer {
            kind: LayerKind::Wishes,
            covered,
            open,
        }
    }

    /// What these have that `before` has not, and what is gone since; reasons
    /// do not count.
    pub fn changes_since<'a>(&'a self, before: &'a Wishes) -> (Vec<&'a Wish>, Vec<&'a Wish>) {
        let missing_in = |other: &'a Wishes| {
            move |wish: &&'a Wish| {
                let is_same = |o: &Wish| o.capability == wish.capability && o.scope == wish.scope;
                !other.list.iter().any(is_same)
            }
        };
        let added = self.list.iter().filter(missing_in(before)).collect();
        let gone = before.list.iter().filter(missing_in(self)).collect();
        (added, gone)
    }
}

fn check(wish: &Wish) -> Result<(), String> {
    for (what, text) in [("scope", &wish.scope), ("reason", &wish.reason)] {
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(format!("its {what} must have 1 to {MAX_TEXT} characters"));
        }
        // They are shown on terminals and in comments.
        if text.chars().any(char::is_control) {
            return Err(format!("its {what} has control characters in it"));
        }
    }
    match (wish.capability, wish.scope.as_str()) {
        (_, ANY) => Ok(()),
        (capability, scope) => Grants::default().push(capability, scope),
    }
}

/// The component with these wishes in place of any that it had.
///
/// # Errors
/// When the component is damaged.
pub fn with_wishes(component: &[u8], wishes: &Wishes) -> Result<Vec<u8>, WishesError> {
    let mut made = Vec::with_capacity(component.len() + 1024);
    let mut kept_to = 0;
    walk(component, |range, payload| {
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
        {
            made.extend_from_slice(&component[kept_to..range.start]);
            kept_to = range.end;
        }
        Ok::<(), WishesError>(())
    })?;
    made.extend_from_slice(&component[kept_to..]);
    let text = SectionText {
        version: VERSION,
        wishes: wishes.list.clone(),
    };
    let data = serde_json::to_vec(&text).map_err(|error| WishesError::Malformed {
        why: error.to_string(),
    })?;
    if data.len() > MAX_BYTES {
        let size_bytes = data.len();
        return Err(WishesError::TooLarge { size_bytes });
    }
    let mut content = leb128(SECTION.len());
    content.extend_from_slice(SECTION.as_bytes());
    content.extend_from_slice(&data);
    made.push(0);
    made.extend_from_slice(&leb128(content.len()));
    made.extend_from_slice(&content);
    Ok(made)
}

/// Source: the binary format of WebAssembly, section 5.2.2.
fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        match value {
            0 => {
                bytes.push(low);
                return bytes;
            }
            _ => bytes.push(low | 0x80),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(capability: Capability, scope: &str) -> Wish {
        Wish {
            capability,
            scope: scope.into(),
            reason: "it must".into(),
        }
    }

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (memory 1)))").unwrap()
    }

    /// A component with this text as its section.
    fn with_section(data: &[u8]) -> Vec<u8> {
        let mut content = leb128(SECTION.len());
        content.extend_from_slice(SECTION.as_bytes());
        content.extend_from_slice(data);
        let mut made = component();
        made.push(0);
        made.extend_from_slice(&leb128(content.len()));
        made.extend_from_slice(&content);
        made
    }

    #[test]
    fn what_is_written_is_read_and_replaces_what_was_there() {
        assert_eq!(Wishes::read(&component()), Ok(None));
        let first = Wishes::new(vec![wish(Capability::Run, "cargo")]).unwrap();
        let second = Wishes::new(vec![
            wish(Capability::Net, "https://*.acme.dev"),
            wish(Capability::Secrets, "*"),
        ])
        .unwrap();
        let once = with_wishes(&component(), &first).unwrap();
        assert_eq!(Wishes::read(&once), Ok(Some(first)));
        let twice = with_wishes(&once, &second).unwrap();
        assert_eq!(Wishes::read(&twice), Ok(Some(second.clone())));
        assert_eq!(twice, with_wishes(&component(), &second).unwrap());
        assert!(twice.starts_with(&component()));
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_error() {
        let read = |data: &[u8]| Wishes::read(&with_section(data)).unwrap_err();
        assert!(matches!(read(b"{"), WishesError::Malformed { .. }));
        assert!(matches!(read(b"\xff\xfe"), WishesError::Malformed { .. }));
        assert_eq!(
            read(br#"{"version":2,"wishes":"later"}"#),
            WishesError::Version { found: 2 }
        );
        let one = |capability: &str, scope: &str, reason: &str| {
            let json = serde_json::json!({ "version": 1,
                "wishes": [{ "capability": capability, "scope": scope, "reason": reason }] });
            read(json.to_string().as_bytes())
        };
        assert!(matches!(
            one("fly", "x", "y"),
            WishesError::Malformed { .. }
        ));
        for (capability, scope, reason) in [
            ("read", "../x", "y"),
            ("net", "acme.dev", "y"),
            ("run", "", "y"),
            ("run", "x", ""),
            ("run", "x", "\x1b[2J"),
            ("store", "x", "y"),
        ] {
            let error = one(capability, scope, reason);
            assert!(matches!(error, WishesError::Wish { .. }), "{error}");
        }
        let large = vec![b' '; MAX_BYTES + 1];
        assert!(matches!(read(&large), WishesError::TooLarge { .. }));
        let mut twice = with_section(br#"{"version":1,"wishes":[]}"#);
        let section = twice[component().len()..].to_vec();
        twice.extend_from_slice(&section);
        assert_eq!(Wishes::read(&twice), Err(WishesError::Repeated));
    }

    #[test]
    fn a_section_of_a_part_does_not_speak_for_the_whole() {
        let inner = with_section(br#"{"version":1,"wishes":[]}"#);
        let mut outer = component();
        outer.push(4);
        outer.extend_from_slice(&leb128(inner.len()));
        outer.extend_from_slice(&inner);
        assert_eq!(Wishes::read(&outer), Ok(None));
    }

    #[test]
    fn a_component_that_ends_too_early_is_damaged() {
        let whole = with_section(br#"{"version":1,"wishes":[]}"#);
        let mut damaged = 0;
        for end in 8..whole.len() {
            match Wishes::read(&whole[..end]) {
                Err(WishesError::Damaged { .. }) => damaged += 1,
                Ok(None) => {}
                other => panic!("{end}: {other:?}"),
            }
        }
        assert!(damaged > 10, "{damaged}");
    }

    #[test]
    fn changes_are_what_came_and_what_went() {
        let before = Wishes::new(vec![
            wish(Capability::Run, "cargo"),
            wish(Capability::Read, "src"),
        ])
        .unwrap();
        let mut again = wish(Capability::Run, "cargo");
        again.reason = "said better".into();
        let after = Wishes::new(vec![again, wish(Capability::Run, "sh")]).unwrap();
        let (added, gone) = after.changes_since(&before);
        assert_eq!(added, [&wish(Capability::Run, "sh")]);
        assert_eq!(gone, [&wish(Capability::Read, "src")]);
    }
}
