//! From a dotted path to its place in the file.

use super::finding::Span;
use super::yaml::{Kind, Node};

/// The place of `environments.production.strategy`: a scalar or list item
/// itself, the key of anything larger, and the nearest thing around a path
/// that leads nowhere.
pub(crate) fn locate(root: &Node, path: &str) -> Span {
    let mut node = root;
    let mut span = Span {
        line: 1,
        column: 1,
        length: 1,
    };
    for part in path.split('.').filter(|part| !part.is_empty()) {
        match &node.kind {
            Kind::Mapping(_) => match node.entry(part) {
                Some(entry) => {
                    node = &entry.value;
                    span = match node.kind {
                        Kind::Scalar { ref text, plain } if !(plain && text.is_empty()) => {
                            node.span
                        }
                        _ => entry.key_span,
                    };
                }
                None => break,
            },
            Kind::Sequence(items) => match part.parse::<usize>().ok().and_then(|i| items.get(i)) {
                Some(item) => {
                    node = item;
                    span = item.span;
                }
                None => break,
            },
            Kind::Scalar { .. } => break,
        }
    }
    span
}

/// The place of the key at the end of a path, not of its value.
pub(crate) fn locate_key(root: &Node, path: &str, key: &str) -> Span {
    let mut node = root;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        match node.entry(part) {
            Some(entry) => node = &entry.value,
            None => return locate(root, path),
        }
    }
    node.entry(key)
        .map_or_else(|| locate(root, path), |entry| entry.key_span)
}
