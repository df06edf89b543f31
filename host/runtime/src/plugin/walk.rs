//! The sections at the top level of a component, without a look into its parts:
//! linear in the number of sections, and nothing is compiled or run.

use std::ops::Range;

use wasmparser::{Chunk, Parser, Payload};

/// The bytes are no component, or end too early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(super) struct WalkError {
    /// What the parser says.
    pub(super) why: String,
}

/// Show each section with the range of its bytes, its header included.
pub(super) fn walk<'a, E: From<WalkError>>(
    bytes: &'a [u8],
    mut see: impl FnMut(Range<usize>, &Payload<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let broken = |why: String| E::from(WalkError { why });
    let mut parser = Parser::new(0);
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let chunk = parser.parse(rest, true);
        let (consumed, payload) = match chunk.map_err(|error| broken(error.to_string()))? {
            Chunk::Parsed { consumed, payload } => (consumed, payload),
            Chunk::NeedMoreData(_) => return Err(broken("it ends too early".into())),
        };
        let begun = at;
        at += consumed;
        match &payload {
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => {
                let inside = unchecked_range.len();
                if inside > bytes.len().saturating_sub(at) {
                    return Err(broken("it ends inside of a part".into()));
                }
                at += inside;
            }
            Payload::End(_) => return Ok(()),
            other => see(begun..at, other)?,
        }
    }
}
