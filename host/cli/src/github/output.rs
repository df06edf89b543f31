//! The files through which a job hands out its outputs and its summary.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Append one output. The value is fenced by a line that it does not contain,
/// so that nothing in it can become another output.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn set(file: &Path, name: &str, value: &str) -> std::io::Result<()> {
    let mut number = std::process::id();
    let fence = loop {
        let fence = format!("baepo_{number:x}");
        if !value.contains(&fence) {
            break fence;
        }
        number = number.wrapping_add(1);
    };
    append(file, &format!("{name}<<{fence}\n{value}\n{fence}\n"))
}

/// Append text to a file that the runner reads.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn append(file: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_own_fence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        let fence = format!("baepo_{:x}", std::process::id());
        set(&file, "result", &format!("a\n{fence}\nevil=1")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text
            .lines()
            .next()
            .unwrap()
            .strip_prefix("result<<")
            .unwrap();
        assert_ne!(first, fence);
        assert_eq!(text.lines().filter(|line| *line == first).count(), 1);
    }
}
