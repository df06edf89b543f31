//! Memories of plugins in the state document: bytes, written so that the
//! document stays small and readable. Text without control characters is
//! itself; all else is `hex:` and two digits a byte.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serializer, de};

/// How many bytes of memory one plugin may keep. All plugins of a rollout and
/// the rest of the state share one document of 256 KiB.
pub const MOST_MEMORY: usize = 16 * 1024;

const PREFIX: &str = "hex:";

fn encode(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with(PREFIX) && !text.chars().any(char::is_control) => text.into(),
        Ok(_) | Err(_) => {
            let mut text = PREFIX.to_string();
            for byte in bytes {
                for nibble in [byte >> 4, byte & 15] {
                    text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
                }
            }
            text
        }
    }
}

/// The bytes of a memory as it is written; `None` where it is no such text.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let Some(hex) = text.strip_prefix(PREFIX) else {
        return Some(text.as_bytes().to_vec());
    };
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(nibble(*high)? * 16 + nibble(*low)?).ok(),
            _ => None,
        })
        .collect()
}

pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    decode(&text).ok_or_else(|| de::Error::custom("not a memory: neither text nor hexadecimal"))
}

/// The same for one memory per monitor.
pub(super) mod each {
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn serialize<S: Serializer>(
        memories: &BTreeMap<String, Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            memories
                .iter()
                .map(|(name, bytes)| (name, super::encode(bytes))),
        )
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
        let bytes = |(name, text): (String, String)| Some((name, super::decode(&text)?));
        texts
            .into_iter()
            .map(bytes)
            .collect::<Option<_>>()
            .ok_or_else(|| de::Error::custom("not a memory: neither text nor hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_memory_survives_and_text_stays_readable() {
        for bytes in [
            &b""[..],
            b"{\"step\":3}",
            b"hex:61",
            "\u{d55c}".as_bytes(),
            &[0, 255, 16],
            b"a\nb",
        ] {
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(encode(b"{\"step\":3}"), "{\"step\":3}");
        assert_eq!(encode(&[0, 255]), "hex:00ff");
        assert_eq!(decode("hex:0"), None);
        assert_eq!(decode("hex:0g"), None);
    }
}
