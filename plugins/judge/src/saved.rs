//! A state as bytes, the same on every machine.

use core::ops::Deref;

/// How long a saved state is at most, in bytes. Without latency, and in the
/// first window, it is less than half of that.
pub const STATE_BYTES: usize = 2_248;

/// A saved state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    bytes: [u8; STATE_BYTES],
    len: usize,
}

impl Deref for Saved {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Saved {
    pub(crate) const NEW: Saved = Saved {
        bytes: [0; STATE_BYTES],
        len: 0,
    };

    fn put(&mut self, more: &[u8]) {
        let end = self.len + more.len();
        debug_assert!(end <= STATE_BYTES, "a state of {end} bytes");
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(more);
            self.len = end;
        }
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// A number that is as exact as that already.
    pub(crate) fn f32(&mut self, number: f64) {
        self.put(&(number as f32).to_bits().to_le_bytes());
    }

    pub(crate) fn f64(&mut self, number: f64) {
        self.u64(number.to_bits());
    }
}

/// What is left to be read of a saved state.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Option<f64> {
        let bits = self.take().map(u32::from_le_bytes)?;
        Some(f64::from(f32::from_bits(bits)))
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits)
    }
}
