//! `baepo init`: looks at the checkout and writes a first configuration and
//! workflow. What was assumed is said, and nothing is ever overwritten.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

mod checkout;
mod text;

pub use checkout::{Checkout, Guess};
pub use text::{config_text, workflow_text};

/// Arguments of `baepo init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Where the configuration is written.
pub const CONFIG_PATH: &str = ".github/baepo.yml";
/// Where the workflow is written.
pub const WORKFLOW_PATH: &str = ".github/workflows/deploy.yml";

/// Write both files into a checkout and say what was assumed.
///
/// # Errors
/// A file cannot be written.
pub fn run(args: &Args, root: &Path, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let checkout = Checkout::look(root);
    let files = [
        (CONFIG_PATH, config_text(&checkout)),
        (WORKFLOW_PATH, workflow_text(&checkout)),
    ];
    for (path, text) in &files {
        match args.dry_run {
            true => writeln!(out, "# {path}\n{text}")?,
            false => write_new(root, path, text, out)?,
        }
    }
    writeln!(out, "\nassumed")?;
    for guess in &checkout.guesses {
        writeln!(out, "  {:<12} {}  ({})", guess.what, guess.value, guess.why)?;
    }
    writeln!(out, "\nto check")?;
    for note in &checkout.notes {
        writeln!(out, "  - {note}")?;
    }
    writeln!(out, "\nnext: baepo doctor, then baepo plan")?;
    Ok(ExitCode::SUCCESS)
}

/// A file that is there stays as it is; what would be in it is shown.
fn write_new(root: &Path, path: &str, text: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let place = root.join(path);
    let folder = place.parent().unwrap_or(root);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    match fs::File::create_new(&place) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())
                .with_context(|| format!("cannot write {path}"))?;
            writeln!(out, "✓ wrote {path}")?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let present =
                fs::read_to_string(&place).with_context(|| format!("cannot read {path}"))?;
            match present == text {
                true => writeln!(out, "✓ kept {path}: it is the same")?,
                false => {
                    writeln!(
                        out,
                        "· kept {path}: it is there already; compared with what would be written:"
                    )?;
                    for line in diff_lines(&present, text) {
                        writeln!(out, "  {line}")?;
                    }
                }
            }
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {path}")),
    }
    Ok(())
}

/// Lines that only one of two texts has, `-` for the first and `+` for the
/// second, in order; by the longest common subsequence.
fn diff_lines(before: &str, after: &str) -> Vec<String> {
    // Files that people write by hand; the table stays below a million cells.
    let a: Vec<&str> = before.lines().take(1000).collect();
    let b: Vec<&str> = after.lines().take(1000).collect();
    let mut common = vec![vec![0_u16; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = match a[i] == b[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || i < a.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(format!("- {}", a[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", b[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests;
