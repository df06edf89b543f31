//! The sample service's three revisions: two that are well, one that is not and whose own tests do not see it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample")
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A checkout of the service with these overlays, the later over the earlier.
fn checkout(overlays: &[&str]) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(sample().join(file), folder.path().join(file))?;
    }
    for tree in ["src", "tests"] {
        copy_tree(&sample().join(tree), &folder.path().join(tree))?;
    }
    for overlay in overlays {
        copy_tree(&sample().join("revisions").join(overlay), folder.path())?;
    }
    Ok(folder)
}

/// What `cargo` does in the checkout, with nothing to fetch anything from.
fn cargo(checkout: &TempDir, command: &str) -> Result<Output> {
    let output = Command::new("cargo")
        .args([command, "--release", "--locked", "--offline"])
        .current_dir(checkout.path())
        .env_remove("CARGO_TARGET_DIR")
        .output()?;
    Ok(output)
}

/// The built service, running; stopped when dropped.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn start(checkout: &TempDir) -> Result<Self> {
        let built = cargo(checkout, "build")?;
        ensure!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let mut process = Command::new(checkout.path().join("target/release/shop"))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = process.stdout.take().context("stdout is piped")?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line
            .trim()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(Self { process, address })
    }

    /// The statuses of `count` visits on one connection.
    fn visit(&self, count: usize) -> Result<Vec<u16>> {
        let mut stream = BufReader::new(TcpStream::connect(&self.address)?);
        (0..count)
            .map(|_| {
                stream
                    .get_mut()
                    .write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")?;
                let (mut head, mut length) = (Vec::new(), 0);
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line)?;
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.trim().parse()?;
                    }
                    if line == "\r\n" {
                        break;
                    }
                    head.push(line);
                }
                stream.read_exact(&mut vec![0; length])?;
                let status = head.first().and_then(|line| line.split(' ').nth(1));
                Ok(status.context("a status line")?.parse()?)
            })
            .collect()
    }

    /// Stops it; what it wrote to stderr.
    fn stop(mut self) -> Result<String> {
        self.process.kill()?;
        self.process.wait()?;
        let mut text = String::new();
        let mut err = self.process.stderr.take().context("stderr is piped")?;
        err.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn each_revision_passes_its_own_tests_and_writes_a_report() -> Result<()> {
    for (overlays, tests) in [([].as_slice(), 16), (&["v2"], 17), (&["v2", "v3"], 18)] {
        let checkout = checkout(overlays)?;
        let tested = cargo(&checkout, "test")?;
        ensure!(
            tested.status.success(),
            "{}",
            String::from_utf8_lossy(&tested.stdout)
        );
        let report = fs::read_to_string(checkout.path().join("target/junit.xml"))?;
        ensure!(
            report.contains(&format!(r#"tests="{tests}" failures="0""#)),
            "{report}"
        );
        ensure!(report.matches("<testcase ").count() == tests, "{report}");
    }
    Ok(())
}

#[test]
fn a_check_that_fails_fails_the_run_and_is_in_the_report_with_its_line() -> Result<()> {
    let checkout = checkout(&[])?;
    let wrong = "revisions/v2/tests/checks/front_page.rs";
    fs::copy(
        sample().join(wrong),
        checkout.path().join("tests/checks/front_page.rs"),
    )?;
    let tested = cargo(&checkout, "test")?;
    ensure!(
        !tested.status.success(),
        "the first revision passes the tests of the second"
    );
    let report = fs::read_to_string(checkout.path().join("target/junit.xml"))?;
    ensure!(report.contains(r#"tests="17" failures="2""#), "{report}");
    ensure!(
        report.contains(r#"file="tests/checks/front_page.rs" line=""#),
        "{report}"
    );
    ensure!(report.contains("<failure message="), "{report}");
    Ok(())
}

#[test]
fn the_good_revisions_fail_nobody() -> Result<()> {
    for overlays in [[].as_slice(), &["v2"]] {
        let service = Service::start(&checkout(overlays)?)?;
        let statuses = service.visit(2_000)?;
        ensure!(statuses.iter().all(|status| *status == 200), "{overlays:?}");
        ensure!(service.stop()?.is_empty());
    }
    Ok(())
}

#[test]
fn the_bad_revision_fails_one_visit_in_twenty_once_it_has_seen_enough_and_is_slower() -> Result<()>
{
    let good = Service::start(&checkout(&["v2"])?)?;
    let bad = Service::start(&checkout(&["v2", "v3"])?)?;
    let started = Instant::now();
    good.visit(400)?;
    let of_good = started.elapsed();
    let started = Instant::now();
    let statuses = bad.visit(432)?;
    let of_bad = started.elapsed();
    let failed = |statuses: &[u16]| statuses.iter().filter(|status| **status == 500).count();
    ensure!(
        failed(&statuses[..32]) == 0,
        "it fails before its tests would end"
    );
    ensure!(
        failed(&statuses[32..]) == 20,
        "5 % of 400, not {}",
        failed(&statuses[32..])
    );
    ensure!(of_bad > 2 * of_good, "{of_bad:?} against {of_good:?}");
    let log = bad.stop()?;
    ensure!(log.lines().count() == 20, "one line for each error:\n{log}");
    ensure!(
        log.lines()
            .all(|line| line.starts_with("error: panicked at src/cart.rs:")),
        "{log}"
    );
    Ok(())
}

#[test]
fn the_configuration_that_deploys_it_is_right() -> Result<()> {
    let text = fs::read_to_string(sample().join("baepo.yml"))?;
    if let Err(findings) = baepo::config::parse("baepo.yml", &text) {
        anyhow::bail!("{findings}");
    }
    Ok(())
}
