//! Where messages end in one direction of a WebSocket, so that a client can be
//! told to close without breaking a message. Source: RFC 6455, 5.2 and 5.5.1.

/// What the client is told: an unmasked close frame, status 1001 ("going
/// away"). Clients connect again on it, browsers' libraries by themselves.
pub(super) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

const OPCODE_CLOSE: u8 = 0x8;

/// Follows a stream of frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The head of the frame that has begun, as far as it was read.
    head: [u8; 14],
    head_bytes: usize,
    /// Bytes of payload that are still to come.
    payload_left: u64,
    /// A message was begun whose last frame has not come.
    is_inside_message: bool,
    has_ended: bool,
}

impl Frames {
    /// Take bytes in, up to the first end of a message where `until_end`.
    /// Gives how many of them were taken.
    pub(super) fn follow(&mut self, bytes: &[u8], until_end: bool) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && !self.has_ended {
            if until_end && self.is_between_messages() {
                return taken;
            }
            if self.payload_left > 0 {
                let left = usize::try_from(self.payload_left).unwrap_or(usize::MAX);
                let part = left.min(bytes.len() - taken);
                self.payload_left -= part as u64;
                taken += part;
            } else {
                self.head[self.head_bytes] = bytes[taken];
                self.head_bytes += 1;
                taken += 1;
                self.read_head();
            }
        }
        if self.has_ended { bytes.len() } else { taken }
    }

    /// Whether a close frame can be put here. Not after the end: what comes
    /// then is no business of ours.
    pub(super) fn is_between_messages(&self) -> bool {
        self.head_bytes == 0 && self.payload_left == 0 && !self.is_inside_message && !self.has_ended
    }

    /// Whether the head is whole, and what follows from it.
    fn read_head(&mut self) {
        let [first, second, ..] = self.head;
        if self.head_bytes < 2 {
            return;
        }
        let (length_bytes, mask_bytes) = match second & 0x7f {
            126 => (2, second >> 7),
            127 => (8, second >> 7),
            _ => (0, second >> 7),
        };
        if self.head_bytes < 2 + length_bytes + 4 * usize::from(mask_bytes) {
            return;
        }
        let long = self.head[2..2 + length_bytes]
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        self.payload_left = match length_bytes {
            0 => u64::from(second & 0x7f),
            _ => long,
        };
        self.head_bytes = 0;
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
        match opcode {
            OPCODE_CLOSE => self.has_ended = true,
            // Other control frames may come in the middle of a message.
            0x9.. => {}
            _ => self.is_inside_message = !is_last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize, is_masked: bool) -> Vec<u8> {
        let mask = u8::from(is_masked) << 7;
        let mut frame = match payload {
            0..126 => vec![first, mask | payload as u8],
            126..=0xffff => {
                let [high, low] = (payload as u16).to_be_bytes();
                vec![first, mask | 126, high, low]
            }
            _ => {
                let mut head = vec![first, mask | 127];
                head.extend((payload as u64).to_be_bytes());
                head
            }
        };
        frame.extend(std::iter::repeat_n(
            0xab,
            payload + 4 * usize::from(is_masked),
        ));
        frame
    }

    /// Where a close frame could be put, the bytes coming `step` at a time.
    fn ends(bytes: &[u8], step: usize) -> Vec<usize> {
        let mut frames = Frames::default();
        let (mut at, mut found) = (0, Vec::new());
        for part in bytes.chunks(step) {
            let mut rest = part;
            while !rest.is_empty() {
                if frames.is_between_messages() {
                    found.push(at);
                    // Over the end, into what comes next.
                    frames.follow(&rest[..1], false);
                    (at, rest) = (at + 1, &rest[1..]);
                    continue;
                }
                let taken = frames.follow(rest, true);
                (at, rest) = (at + taken, &rest[taken..]);
            }
        }
        if frames.is_between_messages() {
            found.push(at);
        }
        found
    }

    #[test]
    fn messages_end_where_their_last_frame_does() {
        let parts = [
            frame(0x81, 5, false),
            frame(0x82, 0, true),
            frame(0x01, 200, false),
            // A ping in the middle of a message ends nothing.
            frame(0x89, 3, false),
            frame(0x00, 70_000, true),
            frame(0x80, 126, false),
            frame(0x8a, 0, false),
        ];
        let whole: Vec<u8> = parts.concat();
        let lengths: Vec<usize> = parts.iter().map(Vec::len).collect();
        let sum = |count| lengths[..count].iter().sum::<usize>();
        let expected = vec![0, sum(1), sum(2), sum(6), sum(7)];
        for step in [1, 2, 3, 7, 1_000, whole.len()] {
            assert_eq!(ends(&whole, step), expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn after_a_close_frame_nothing_more_is_told() {
        let mut frames = Frames::default();
        let bytes = [frame(0x88, 2, false), vec![0xff; 40]].concat();
        assert_eq!(frames.follow(&bytes, true), 0);
        assert_eq!(frames.follow(&bytes, false), bytes.len());
        assert!(!frames.is_between_messages());
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_passed_on() {
        let mut seed = 1_u64;
        let mut frames = Frames::default();
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bytes = seed.to_le_bytes();
            let taken = frames.follow(&bytes, false);
            assert_eq!(taken, bytes.len());
        }
    }
}
