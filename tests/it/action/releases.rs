//! `scripts/install.sh`: where a job gets its binary from, and what it refuses. The script runs as
//! its step does; what is downloaded comes from a server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::runner::{NAME, Released, Runner, program, released};
use super::{Repository, act, recorder};
use crate::supply::server::{Answer, Files};

/// A server that nobody answers for, because nothing listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// A program that starts and says what it was given.
fn works() -> Result<Released> {
    released("echo \"baepo was given $*\"")
}

/// What a job keeps of an archive.
const ENTRY: [&str; 3] = [
    "tools/baepo/1.2.3/x64.complete",
    "tools/baepo/1.2.3/x64/LICENSE-MIT",
    "tools/baepo/1.2.3/x64/baepo",
];

#[test]
fn a_released_archive_is_installed_once_and_runs() -> Result<()> {
    let release = works()?;
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&release.list)?;
    let server = files.url("");
    let server = server.trim_end_matches('/');
    let binary = runner.entry().join("baepo");
    runner
        .install(server)?
        .is_from(&binary, "downloaded, with sha256 ");
    ensure!(runner.kept()? == ENTRY, "{:?}", runner.kept()?);
    let said = Command::new(&binary).arg("plan").output()?.stdout;
    ensure!(said == b"baepo was given plan\n", "{said:?}");

    runner
        .install(server)?
        .is_from(&binary, "from the tool cache");
    ensure!(files.asked() == 1, "{} requests", files.asked());
    Ok(())
}

/// The lines by which a release is verified by hand, but for the one that asks
/// GitHub: what they say, and whether all of them were content.
fn verified_by_hand(release: &Released) -> Result<(String, bool)> {
    let page = include_str!("../../../docs/runners.md");
    let (_, rest) = page
        .split_once("## By hand\n\n```sh\n")
        .context("a block")?;
    let (block, _) = rest.split_once("```").context("its end")?;
    let lines = block.lines().filter(|line| !line.starts_with("gh "));
    let lines: Vec<&str> = lines.collect();
    ensure!(lines.len() == 3, "{lines:?}");
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("SHA256SUMS"), &release.list)?;
    fs::write(
        folder.path().join(format!("{NAME}.tar.gz")),
        &release.archive,
    )?;
    let output = Command::new("sh")
        .args(["-euc", &lines.join("\n")])
        .env("LC_ALL", "C")
        .current_dir(folder.path())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    Ok((said, output.status.success()))
}

#[test]
fn the_lines_of_the_page_verify_an_archive_and_the_program_in_it() -> Result<()> {
    let (right, other) = (works()?, released("echo I am another")?);
    let archive = format!("{NAME}.tar.gz: OK\n");
    let both = format!("{archive}{archive}{NAME}/baepo: OK\n");
    ensure!(verified_by_hand(&right)? == (both, true));
    // Another archive; and one in which another program is.
    let list = right.list.clone();
    let wrong = Released { list, ..other };
    let (said, is_content) = verified_by_hand(&wrong)?;
    ensure!(
        !is_content && said.contains(&format!("{NAME}.tar.gz: FAILED")),
        "{said}"
    );
    let (_, of_program) = right.list.trim_end().rsplit_once('\n').context("lines")?;
    let archive_of = super::runner::digest(&wrong.archive);
    let wrong = Released {
        list: format!("{archive_of}  {NAME}.tar.gz\n{of_program}\n"),
        archive: wrong.archive,
    };
    let (said, is_content) = verified_by_hand(&wrong)?;
    ensure!(
        !is_content && said.contains(&format!("{NAME}/baepo: FAILED")),
        "{said}"
    );
    Ok(())
}

#[test]
fn another_archive_than_the_listed_one_is_refused_and_not_kept() -> Result<()> {
    let files = Files::serve(Answer::File(released("echo I am another")?.archive));
    let runner = Runner::new(&works()?.list)?;
    let installed = runner.install(files.url("").trim_end_matches('/'))?;
    installed.is_refused("tar.gz is not what was released: its sha256 is ");
    ensure!(runner.kept()?.is_empty(), "{:?}", runner.kept()?);
    Ok(())
}

#[test]
fn an_archive_with_another_program_than_the_listed_one_is_refused() -> Result<()> {
    let release = works()?;
    let wrong = "0".repeat(64);
    let (first, _) = release.list.rsplit_once("\n").context("lines")?;
    let (first, _) = first.rsplit_once("\n").context("two lines")?;
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&format!("{first}\n{wrong}  {NAME}/baepo\n"))?;
    let installed = runner.install(files.url("").trim_end_matches('/'))?;
    installed.is_refused("is of another baepo-1.2.3-linux-x64/baepo than the archive holds");
    ensure!(runner.kept()?.is_empty(), "{:?}", runner.kept()?);
    Ok(())
}

#[test]
fn a_list_that_is_damaged_is_no_reason_to_build() -> Result<()> {
    let list = works()?.list;
    for list in [
        list.replace(&format!("{NAME}/baepo"), "something else"),
        list.lines()
            .map(|line| format!("{line}\n").replacen("  ", "0  ", 1))
            .collect(),
    ] {
        let runner = Runner::new(&list)?;
        runner
            .install(NOBODY)?
            .is_refused("scripts/SHA256SUMS is damaged");
    }
    Ok(())
}

#[test]
fn what_is_damaged_in_the_cache_is_replaced() -> Result<()> {
    let release = works()?;
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&release.list)?;
    let server = files.url("");
    let server = server.trim_end_matches('/');
    let binary = runner.entry().join("baepo");
    let complete = runner.entry().with_extension("complete");
    let damages: [&dyn Fn() -> Result<()>; 4] = [
        &|| program(&binary, "echo not the released one"),
        &|| Ok(fs::remove_file(&binary)?),
        &|| {
            Ok(fs::set_permissions(
                &binary,
                fs::Permissions::from_mode(0o644),
            )?)
        },
        &|| Ok(fs::remove_file(&complete)?),
    ];
    runner.install(server)?;
    for (index, damage) in damages.iter().enumerate() {
        damage()?;
        runner
            .install(server)?
            .is_from(&binary, "downloaded, with sha256 ");
        ensure!(files.asked() == index + 2, "{} requests", files.asked());
        ensure!(runner.kept()? == ENTRY, "{:?}", runner.kept()?);
        let said = Command::new(&binary).output()?.stdout;
        ensure!(said.starts_with(b"baepo was given"), "{said:?}");
    }
    Ok(())
}

#[test]
fn where_there_is_no_archive_it_is_built() -> Result<()> {
    let release = works()?;
    let files = Files::serve(Answer::File(release.archive));
    let url = files.url("");
    let server = url.trim_end_matches('/');
    let runner = Runner::new(&release.list)?;
    for (variables, why) in [
        (
            [("RUNNER_OS", "macOS"), ("RUNNER_ARCH", "ARM64")],
            "there is no archive for macOS on ARM64.",
        ),
        (
            [("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "ARM64")],
            "this commit of the action is no release with an archive baepo-1.2.3-linux-arm64.tar.gz.",
        ),
        (
            [("ACTION_REPOSITORY", ""), ("RUNNER_ARCH", "X64")],
            "the repository of the action, and so the place of its archives, is not known",
        ),
    ] {
        runner
            .install_with(server, &variables)?
            .is_built(&runner, why);
    }
    runner.is_version("1.2.4")?;
    let why =
        "this commit of the action is no release with an archive baepo-1.2.4-linux-x64.tar.gz.";
    runner.install(server)?.is_built(&runner, why);
    runner.is_version("1.2.3")?;
    program(&runner.at("bin/getconf"), "exit 1")?;
    let why = "the archives are for Linux with the GNU C library.";
    runner.install(server)?.is_built(&runner, why);
    ensure!(files.asked() == 0, "{} requests", files.asked());
    ensure!(runner.kept()?.is_empty(), "{:?}", runner.kept()?);
    Ok(())
}

#[test]
fn where_the_archive_cannot_be_had_it_is_built() -> Result<()> {
    let release = works()?;
    let missing = Files::serve(Answer::Status("404 Not Found"));
    let half = Files::serve(Answer::Half(release.archive));
    let elsewhere = Files::serve(Answer::Elsewhere("file:///etc/passwd".to_owned()));
    for url in [
        missing.url(""),
        half.url(""),
        elsewhere.url(""),
        NOBODY.to_owned(),
        "file://".to_owned(),
    ] {
        let runner = Runner::new(&release.list)?;
        let server = url.trim_end_matches('/');
        let why = format!(
            "{server}/acme/baepo/releases/download/v1.2.3/{NAME}.tar.gz cannot be downloaded: curl: ("
        );
        runner.install(server)?.is_built(&runner, &why);
        ensure!(runner.kept()?.is_empty(), "{:?}", runner.kept()?);
    }
    Ok(())
}

#[test]
fn nothing_is_downloaded_without_tls_but_from_this_machine() -> Result<()> {
    let release = works()?;
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&release.list)?;
    // The same server, by a name that could be anybody's.
    let url = files.url("").replace("127.0.0.1", "localhost");
    let server = url.trim_end_matches('/');
    let why = format!("{server}/acme/baepo/releases/download/");
    runner.install(server)?.is_built(&runner, &why);
    ensure!(files.asked() == 0, "{} requests", files.asked());
    Ok(())
}

#[test]
fn a_program_that_does_not_start_here_is_built() -> Result<()> {
    let release = released("exit 1")?;
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&release.list)?;
    let why = format!("{NAME} does not start on this machine.");
    for _ in 0..2 {
        let installed = runner.install(files.url("").trim_end_matches('/'))?;
        installed.is_built(&runner, &why);
    }
    ensure!(files.asked() == 1, "{} requests", files.asked());
    Ok(())
}

/// Answers nobody before this many have asked.
fn serve_together(count: usize, bytes: Vec<u8>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || -> Result<()> {
        let mut waiting = Vec::new();
        for _ in 0..count {
            let (stream, _) = listener.accept()?;
            let mut lines = BufReader::new(stream.try_clone()?).lines();
            while !lines.next().context("a whole request")??.is_empty() {}
            waiting.push(stream);
        }
        for mut stream in waiting {
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
            write!(stream, "{head} {}\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes)?;
        }
        Ok(())
    });
    Ok(format!("http://{address}"))
}

#[test]
fn jobs_that_install_at_the_same_time_leave_one_whole_entry() -> Result<()> {
    const JOBS: usize = 4;
    let release = works()?;
    // The second time there is a damaged program that each of them wants to replace.
    for is_damaged in [false, true] {
        let runner = Runner::new(&release.list)?;
        let binary = runner.entry().join("baepo");
        if is_damaged {
            let once = serve_together(1, release.archive.clone())?;
            runner.install(&once)?;
            program(&binary, "echo not the released one")?;
        }
        let server = serve_together(JOBS, release.archive.clone())?;
        let names: Vec<String> = (0..JOBS).map(|job| format!("outputs-{job}")).collect();
        let jobs = names
            .iter()
            .map(|name| runner.step(&server, name).spawn())
            .collect::<std::io::Result<Vec<_>>>()?;
        for (job, name) in jobs.into_iter().zip(&names) {
            let installed = runner.look(job.wait_with_output()?, name)?;
            installed.is_from(&binary, "downloaded, with sha256 ");
        }
        ensure!(runner.kept()? == ENTRY, "{:?}", runner.kept()?);
        let said = Command::new(&binary).output()?.stdout;
        ensure!(said.starts_with(b"baepo was given"), "{said:?}");
    }
    Ok(())
}

#[test]
fn a_program_that_another_job_runs_from_is_not_replaced() -> Result<()> {
    let release = works()?;
    let runner = Runner::new(&release.list)?;
    let binary = runner.entry().join("baepo");
    runner.install(&serve_together(1, release.archive.clone())?)?;
    let number = || -> Result<u64> { Ok(fs::metadata(&binary)?.ino()) };
    let before = number()?;
    // As a job sees it that came when the first had not yet ended.
    fs::remove_file(runner.entry().with_extension("complete"))?;
    let installed = runner.install(&serve_together(1, release.archive)?)?;
    installed.is_from(&binary, "downloaded, with sha256 ");
    ensure!(number()? == before, "the file is another one now");
    Ok(())
}

#[test]
fn no_text_becomes_a_command_for_the_runner() -> Result<()> {
    let list = works()?.list;
    let hostile = "x\r\n::add-mask::y\n##[add-path]/z";
    for name in [
        "ACTION_REPOSITORY",
        "RUNNER_ARCH",
        "RUNNER_OS",
        "GITHUB_SERVER_URL",
    ] {
        let runner = Runner::new(&list)?;
        let installed = runner.install_with(NOBODY, &[(name, hostile)])?;
        let lines: Vec<&str> = installed.text.lines().collect();
        ensure!(lines[0].starts_with("::notice title=baepo::"), "{lines:?}");
        ensure!(
            lines[0].contains("%0D%0A::add-mask::y%0A##[add-path]/z"),
            "{lines:?}"
        );
        ensure!(
            lines[1..] == ["sealed: seal", "cargo build", "cargo metadata"],
            "{lines:?}"
        );
    }
    for (version, list) in [
        ("1.2.3 ##[add-path]/z", list.clone()),
        ("::add-mask::y", list.clone()),
        ("1.2.3", format!("##[add-mask]%0A  {NAME}.tar.gz\n")),
    ] {
        let runner = Runner::new(&list)?;
        runner.is_version(version)?;
        runner.install(NOBODY)?.is_refused("");
    }
    Ok(())
}

#[test]
fn what_is_installed_is_what_the_next_step_runs() -> Result<()> {
    let recorder = fs::read_to_string(recorder())?;
    let (_, recorder) = recorder.split_once('\n').context("a first line")?;
    // install.sh asks it for its version before there are outputs to write to.
    let release = released(&format!("[ \"$1\" != --version ] || exit 0\n{recorder}"))?;
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&release.list)?;
    let installed = runner.install(files.url("").trim_end_matches('/'))?;
    let said = super::becomes(&[
        (
            "BAEPO_BINARY",
            &installed.path.context("a path")?.display().to_string(),
        ),
        ("BAEPO_COMMAND", "plan"),
        ("BAEPO_COMMANDS", "run plan"),
        ("BAEPO_CONFIG", "shop.yml"),
        ("BAEPO_ENVIRONMENT", ""),
        ("GITHUB_TOKEN", "dummy"),
        ("GITHUB_OUTPUT", &runner.at("outputs").display().to_string()),
    ])?;
    ensure!(said.code == Some(0), "{}", said.text);
    ensure!(
        said.text
            .contains("argument <plan>\nargument <--config>\nargument <shop.yml>\ntoken"),
        "{}",
        said.text
    );
    Ok(())
}

#[test]
fn a_workflow_that_names_no_binary_builds_the_action_of_its_commit() -> Result<()> {
    let Some(act) = act()? else { return Ok(()) };
    let repository = Repository::new()?;
    // What lists no archives, and a cargo for which the recorder is what was built.
    let runner = Runner::new("# no archives\n")?;
    for file in ["Cargo.toml", "scripts/SHA256SUMS"] {
        fs::copy(
            runner.at("action").join(file),
            repository.path().join("baepo").join(file),
        )?;
    }
    fs::copy(recorder(), runner.at("built/release/baepo"))?;
    repository.git(&["add", "."])?;
    repository.git(&["commit", "--quiet", "--message=Use baepo"])?;
    let path = std::env::var("PATH")?;
    let path = format!("{}:{path}", runner.at("bin").display());
    let job = repository.push(&act, &[("PATH", &path)])?;
    ensure!(job.succeeded, "{}", job.text);
    let notice = "baepo is built from its sources: this commit of the action is no release with \
                  an archive baepo-1.2.3-linux-";
    ensure!(job.text.contains(notice), "{}", job.text);
    for line in ["argument <seal>", "argument <run>"] {
        job.shows(line);
    }
    Ok(())
}
