//! The document: the newest token, and the state of the rollout. The host keeps
//! it, or two programs do.

use baepo_plugin::HookError;
use baepo_plugin::serde_json::{self, Value, json};
use baepo_plugin::store::{self, Document};
use baepo_plugin::target::TargetError;

use crate::answer;
use crate::settings::Settings;

/// How often is tried again where others save at the same time.
const TRIES: u32 = 8;

/// The state has a version of its own: a new token saves the document as well,
/// and must not look as if somebody had changed the state.
///
/// Written as a line of JSON with `token` and `version`, and the state behind it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    /// The newest that was seen; 0 where none was.
    pub(crate) token: u64,
    /// Grows with each save of the state.
    pub(crate) version: u64,
    /// The host's own document.
    pub(crate) state: Vec<u8>,
}

impl Ledger {
    pub(crate) fn load(settings: &Settings) -> Result<Ledger, TargetError> {
        Ledger::read(&settings.load()?)
    }

    /// Lets a changing call through unless its token is older than one that was
    /// seen before, and remembers a newer one.
    pub(crate) fn admit(settings: &Settings, token: u64) -> Result<(), TargetError> {
        update(settings, |ledger| match token {
            token if token < ledger.token => Err(TargetError::Fenced),
            token if token == ledger.token => Ok(None),
            token => Ok(Some(Ledger { token, ..ledger })),
        })?;
        Ok(())
    }

    /// Replaces the state if its version is still `expected`; the new version.
    pub(crate) fn replace(
        settings: &Settings,
        expected: u64,
        state: Vec<u8>,
    ) -> Result<u64, TargetError> {
        let saved = update(settings, |ledger| match ledger.version == expected {
            false => Err(TargetError::Conflict),
            true => Ok(Some(Ledger {
                token: ledger.token,
                version: expected + 1,
                state: state.clone(),
            })),
        })?;
        Ok(saved.version)
    }

    fn read(document: &Document) -> Result<Ledger, TargetError> {
        if document.bytes.is_empty() {
            return Ok(Ledger::default());
        }
        let parse = || {
            let end = document.bytes.iter().position(|byte| *byte == b'\n')?;
            let head: Value = serde_json::from_slice(&document.bytes[..end]).ok()?;
            Some(Ledger {
                token: head["token"].as_u64()?,
                version: head["version"].as_u64()?,
                state: document.bytes[end + 1..].to_vec(),
            })
        };
        let why = "the state was not saved by this plugin";
        parse().ok_or_else(|| HookError::Failed(why.into()).into())
    }

    fn write(&self) -> Vec<u8> {
        let head = json!({ "token": self.token, "version": self.version });
        [format!("{head}\n").as_bytes(), &self.state].concat()
    }
}

/// Saves what `change` makes of the newest ledger, if anything; what stands there
/// then. Where somebody else was faster it looks again.
fn update(
    settings: &Settings,
    change: impl Fn(Ledger) -> Result<Option<Ledger>, TargetError>,
) -> Result<Ledger, TargetError> {
    for _ in 0..TRIES {
        let document = settings.load()?;
        let Some(changed) = change(Ledger::read(&document)?)? else {
            return Ledger::read(&document);
        };
        match settings.save(document.version, changed.write()) {
            Ok(()) => return Ok(changed),
            Err(TargetError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(HookError::Unavailable(1_000).into())
}

impl Settings {
    fn load(&self) -> Result<Document, TargetError> {
        let Some(programs) = &self.document else {
            return store::load();
        };
        let answer::Document(version, text) =
            self.ask(&programs.load, &json!({ "call": "load" }))?;
        Ok(Document {
            version,
            bytes: text.into_bytes(),
        })
    }

    fn save(&self, expected: u64, bytes: Vec<u8>) -> Result<(), TargetError> {
        let Some(programs) = &self.document else {
            store::save(expected, &bytes)?;
            return Ok(());
        };
        // The host writes JSON, so it is one text in another.
        let text = String::from_utf8(bytes).map_err(|_| {
            HookError::Failed("the state is no text, and programs keep texts".into())
        })?;
        let question = json!({ "call": "save", "expected-version": expected, "document": text });
        match self.ask(&programs.save, &question)? {
            answer::Saved(Some(_)) => Ok(()),
            answer::Saved(None) => Err(TargetError::Conflict),
        }
    }
}
