//! journald's export format: entries of fields, an empty line between them.
//!
//! A field is `NAME=value` in a line; or, where the value has line ends or is
//! no text, `NAME` in a line, 64 bits of length, the bytes, and a line end.
//!
//! Source: systemd, "Journal Export Formats".

/// Whether a piece of a file begins like this.
pub(crate) fn is_export(content: &[u8]) -> bool {
    content.starts_with(b"__CURSOR=") || content.starts_with(b"__REALTIME_TIMESTAMP=")
}

/// Hands over priority and message of each entry that is there as a whole; how
/// many bytes these are.
pub(crate) fn read(content: &[u8], take: &mut dyn FnMut(Option<u64>, &[u8])) -> usize {
    let mut used = 0;
    let mut at = 0;
    let (mut priority, mut message): (Option<u64>, Option<&[u8]>) = (None, None);
    while let Some(length) = content[at..].iter().position(|byte| *byte == b'\n') {
        let line = &content[at..at + length];
        at += length + 1;
        if line.is_empty() {
            if let Some(message) = message.take() {
                take(priority, message);
            }
            priority = None;
            used = at;
            continue;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&line[..equals], &line[equals + 1..]),
            None => match bytes(&content[at..]) {
                Some(value) => {
                    at += 8 + value.len() + 1;
                    (line, value)
                }
                None => break,
            },
        };
        match name {
            b"MESSAGE" => message = Some(value),
            b"PRIORITY" => priority = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok()),
            _ => {}
        }
        if at > content.len() {
            break;
        }
    }
    used
}

/// The bytes behind their length, if they and their line end are all there.
fn bytes(rest: &[u8]) -> Option<&[u8]> {
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let end = length.checked_add(1)?;
    (rest.len() >= end).then(|| &rest[..length])
}
