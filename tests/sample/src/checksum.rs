//! FNV-1a, 64 bits: small, fast, and enough to notice a body that was cut or mixed up.
//!
//! Source: <http://www.isthe.com/chongo/tech/comp/fnv/>.

/// The FNV-1a checksum of `bytes` as 16 lower-case hexadecimal digits.
pub fn fnv1a64(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{sum:016x}")
}
