//! Whatever is written, nothing panics, the memory stays within its bound and
//! can be read again.

use super::*;

/// Pieces of which files are made.
const PIECES: [&[u8]; 30] = [
    b"\n",
    b"\n\n",
    b"ERROR ",
    b"panic: x\n\ngoroutine 1 [running]:\n",
    b"Traceback (most recent call last):\n",
    b"thread 'a' panicked at src/a.rs:1:2:\n",
    b"__CURSOR=s=1\n",
    b"__REALTIME_TIMESTAMP=5\n",
    b"MESSAGE=",
    b"MESSAGE\n",
    b"PRIORITY=3\n",
    b"\x05\0\0\0\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"{\"level\":\"error\",\"msg\":\"",
    b"\"}\n",
    b"{\"err\":{\"message\":[1,2]}}\n",
    b"level=error msg=\"",
    b"err=",
    b"\\\"",
    b"\x1b[31m",
    b"\x1b[",
    b"\xc3",
    "ä€𝄞".as_bytes(),
    b"\0",
    b"'",
    b"12:34 0xdead /a/b a@b ",
    b"alpha beta gamma delta epsilon zeta eta theta iota kappa ",
    b"    at x\n",
    b"<3>",
    b"E0102 1",
];

/// xorshift, so that the same is tried everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % limit
    }
}

#[test]
fn no_input_panics_and_memory_stays_bounded() {
    for seed in 1..=60_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let level = ["error", "warning"][random.below(2)];
        let format = ["auto", "json", "plain", "journald"][random.below(4)];
        let config = format!(
            r#"{{"min-new": 1, "on-new": "fail", "level": "{level}", "format": "{format}"}}"#
        );
        let mut rollout = Rollout::new(&config);
        for window in 1..=12 {
            for role in ["stable", "candidate"] {
                let instance = random.below(30);
                let path = format!(".baepo/output/{role}/{instance}.log");
                for _ in 0..random.below(60) {
                    rollout
                        .disk
                        .write(&path, PIECES[random.below(PIECES.len())]);
                }
                if random.below(4) == 0 {
                    let noise: Vec<u8> = (0..random.below(300))
                        .map(|_| random.below(256) as u8)
                        .collect();
                    rollout.disk.write(&path, noise);
                }
                if random.below(6) == 0 {
                    rollout.disk.files.borrow_mut().insert(path, Vec::new());
                }
            }
            rollout.request.window = window / 3;
            let observation = rollout.look();
            assert!(observation.memory.len() <= memory::MOST_BYTES);
            assert_eq!(rollout.memory().to_bytes(), observation.memory);
            for finding in &observation.findings {
                assert!(finding.message.len() < 1_000 && finding.title.len() < 300);
            }
        }
    }
}

#[test]
fn ever_new_kinds_of_errors_find_no_more_room_than_there_is() {
    let mut rollout = Rollout::new(r#"{"min-new": 1}"#);
    let word = |mut number: usize| {
        let mut word = String::from("w");
        while number > 0 {
            word.push(char::from(b'a' + (number % 26) as u8));
            number /= 26;
        }
        word
    };
    rollout.look();
    for round in 0..3 {
        for (path, shift) in [(STABLE, 1), (CANDIDATE, 2)] {
            let lines: String = (0..1_000)
                .map(|line| {
                    let number = (round * 1_000 + line) * 2 + shift;
                    let text: Vec<String> = (0..20).map(|at| word(number + at * 7_919)).collect();
                    format!("ERROR {}\n", text.join(" "))
                })
                .collect();
            rollout.disk.write(path, lines);
        }
        let observation = rollout.look();
        assert!(
            observation.memory.len() <= memory::MOST_BYTES,
            "{}",
            observation.memory.len()
        );
    }
    for instance in 2..50 {
        for role in ["stable", "candidate"] {
            let path = format!(".baepo/output/{role}/{instance}.log");
            rollout.disk.write(&path, "ERROR x\n");
        }
    }
    let memory = rollout.look().memory;
    assert!(
        (7_000..=memory::MOST_BYTES).contains(&memory.len()),
        "{}",
        memory.len()
    );
}

#[test]
fn no_memory_panics() {
    let mut rollout = Rollout::new("{}");
    rollout.disk.write(STABLE, "ERROR a b c\n");
    rollout.disk.write(CANDIDATE, "ERROR d e f\n".repeat(3));
    let memory = rollout.look().memory;
    for length in 0..memory.len() {
        assert!(Memory::from_bytes(&memory[..length]).is_none());
    }
    let mut random = Random(7);
    for _ in 0..20_000 {
        let mut broken = memory.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(broken.len());
            broken[at] = random.below(256) as u8;
        }
        let _ = Memory::from_bytes(&broken);
    }
    rollout.request.memory = vec![99; 9];
    let config = config::parse(&rollout.request.config).unwrap();
    let answer = observe(&config, &rollout.request, &rollout.disk);
    assert!(matches!(answer, Err(HookError::Failed(_))));
}
