//! Programs behind walls: what they see, what they change, and what is left of
//! them. Each test says what holds on a kernel without Landlock, too.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use baepo_core::hook::BuildOutput;
use baepo_runtime::capability::Outside;
use baepo_runtime::capability::log::{LogRecord, LogStream};
use baepo_runtime::capability::process::Confinement;
use baepo_runtime::plugin::{CallContext, CallLimits, CallOutcome};
use tokio_util::sync::CancellationToken;

use super::capability::is_gone;
use super::guest::{self, names};
use crate::life::baepo;

struct Told {
    outcome: CallOutcome<BuildOutput>,
    log: Vec<LogRecord>,
}

impl Told {
    fn said(&self) -> String {
        guest::said(&self.outcome)
    }

    fn notes(&self) -> Vec<&str> {
        let host = self
            .log
            .iter()
            .filter(|line| line.stream == LogStream::Host);
        host.map(|line| line.message.as_str()).collect()
    }
}

async fn sh(checkout: &Path, grants: &str, walls: Confinement, script: &str) -> Result<Told> {
    sh_within(checkout, grants, walls, script, CallLimits::LONG, |_| {}).await
}

async fn sh_within(
    checkout: &Path,
    grants: &str,
    walls: Confinement,
    script: &str,
    limits: CallLimits,
    watch: impl FnOnce(CancellationToken),
) -> Result<Told> {
    let (context, lines) = guest::logged_in(checkout);
    let outside = Outside {
        programs: walls,
        ..Outside::default()
    };
    let context: CallContext = guest::with_outside(context, outside);
    watch(context.cancel.clone());
    let host = guest::host()?;
    let grants = guest::grants(grants)?;
    let plugin = guest::load_with(&host, "shell", grants, Some(limits)).await?;
    let outcome = plugin.build(&context, script, &guest::revision()).await;
    let log = lines
        .lock()
        .map_err(|_| anyhow::anyhow!("poisoned"))?
        .clone();
    Ok(Told { outcome, log })
}

fn walls() -> Confinement {
    Confinement::by(baepo())
}

const SH: &str = r#"{"run":["sh"]}"#;

#[tokio::test]
async fn a_program_behind_walls_runs_as_it_would_without() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    std::fs::write(checkout.path().join("here"), "")?;
    for walls in [walls(), walls().without_landlock()] {
        let script = "ls; env | sort; echo err >&2; cat /proc/self/comm; exit 3";
        let told = sh(checkout.path(), SH, walls, script).await?;
        let said = told.said();
        ensure!(said.starts_with("failed: here\n"), "{said}");
        ensure!(said.contains("\nPATH=/"), "{said}");
        ensure!(said.ends_with("\ncat\n"), "{said}");
        for hidden in ["BAEPO_", "CARGO_MANIFEST_DIR"] {
            ensure!(!said.contains(hidden), "{hidden} in {said}");
        }
        let err = told
            .log
            .iter()
            .any(|l| l.stream == LogStream::ProgramStderr && l.message == "err");
        ensure!(err, "{:?}", told.log);
    }
    Ok(())
}

#[tokio::test]
async fn a_program_changes_only_what_is_granted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    std::fs::create_dir_all(checkout.join("src"))?;
    std::fs::create_dir_all(folder.path().join("elsewhere"))?;
    std::os::unix::fs::symlink("../../elsewhere", checkout.join("src/out"))?;
    let script = r#"
        try() { if sh -c "$2" 2>/dev/null; then echo "$1 yes"; else echo "$1 no"; fi; }
        try granted 'mkdir -p target/deep && echo x > target/deep/f && mv target/deep/f target/g'
        try temporary 'f=$(mktemp) && echo x > $f && rm $f'
        try devices 'echo x > /dev/null'
        try other 'echo x > src/f'
        try top 'echo x > f'
        try above 'echo x > ../f'
        try link 'echo x > src/out/f'
        try move 'mv target/g src/g'
        try tmp 'echo x > /tmp/baepo-not-granted-$$; r=$?; rm -f /tmp/baepo-not-granted-$$; exit $r'"#;
    let grants = r#"{"run":["sh"],"write":["target"]}"#;
    let enforced = walls().has_landlock();
    let told = sh(&checkout, grants, walls(), script).await?;
    let inside = "failed: granted yes\ntemporary yes\ndevices yes\n";
    let outside = ["other", "top", "above", "link", "move", "tmp"];
    let all = |answer| outside.map(|name| format!("{name} {answer}\n")).concat();
    let expected = if enforced { all("no") } else { all("yes") };
    assert_eq!(told.said(), format!("{inside}{expected}"));
    // The negative control: without the walls all of it works.
    let told = sh(&checkout, grants, walls().without_landlock(), script).await?;
    assert_eq!(told.said(), format!("{inside}{}", all("yes")));
    Ok(())
}

#[tokio::test]
async fn without_landlock_it_is_said_once() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let told = sh(checkout.path(), SH, walls().without_landlock(), "true").await?;
    let notes = told.notes();
    ensure!(
        notes.len() == 1 && notes[0].contains("no Landlock"),
        "{notes:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_program_that_may_not_is_told_what_to_grant() -> Result<()> {
    if !walls().has_landlock() {
        return without_landlock_nothing_is_explained().await;
    }
    let checkout = tempfile::tempdir()?;
    let told = sh(checkout.path(), SH, walls(), "mkdir made && echo x").await?;
    let notes = told.notes();
    ensure!(
        notes.len() == 1 && notes[0].contains("nothing of the checkout"),
        "{notes:?}"
    );
    ensure!(notes[0].contains("allow: { write: […] }"), "{notes:?}");
    Ok(())
}

async fn without_landlock_nothing_is_explained() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let script = "echo 'Permission denied'; exit 1";
    let told = sh(checkout.path(), SH, walls(), script).await?;
    ensure!(told.notes().len() == 1, "{:?}", told.notes());
    Ok(())
}

#[tokio::test]
async fn a_program_does_not_see_credentials() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    for path in ["checkout/.git", "home/.ssh"] {
        std::fs::create_dir_all(folder.path().join(path))?;
    }
    std::fs::write(
        checkout.join(".git/config"),
        "[http]\n\textraheader = s3cret-token\n",
    )?;
    std::fs::write(checkout.join(".git/HEAD"), "ref: refs/heads/main\n")?;
    std::fs::write(folder.path().join("home/.ssh/id"), "s3cret-key\n")?;
    std::fs::write(folder.path().join("home/other"), "other\n")?;
    std::os::unix::fs::symlink("../home/.ssh/id", checkout.join("link"))?;
    let script = "cat .git/config ../home/.ssh/id link; cp .git/config c; ln .git/config l; \
                  mv .git g; cat c l g/config; ls ../home/.ssh >/dev/null; cat .git/HEAD ../home/other";
    let hiding = || walls().hiding([folder.path().join("home/.ssh")]);
    let grants = r#"{"run":["sh"],"write":["."]}"#;
    let told = sh(&checkout, grants, hiding(), script).await?;
    let said = told.said();
    if hiding().has_landlock() {
        assert_eq!(said, "failed: ref: refs/heads/main\nother\n");
        let note = told.notes().join("\n");
        ensure!(note.contains("persist-credentials: false"), "{note}");
    }
    let script = "cat .git/config ../home/.ssh/id";
    let told = sh(&checkout, grants, hiding().without_landlock(), script).await?;
    let said = told.said();
    ensure!(
        said.contains("s3cret-token") && said.contains("s3cret-key"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_program_reads_the_environment_of_nobody_but_itself() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let host = std::process::id();
    // The test runner set it for this process: it is there to be found.
    let mark = "CARGO_MANIFEST_DIR";
    let own = std::fs::read(format!("/proc/{host}/environ"))?;
    ensure!(
        String::from_utf8_lossy(&own).contains(mark),
        "nothing to find"
    );
    let script = format!(
        "tr '\\0' '\\n' < /proc/self/environ; echo --; \
         for p in $PPID {host} 1; do cat /proc/$p/environ /proc/$p/mem; done 2>/dev/null | wc -c; \
         cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c {mark}"
    );
    let told = sh(checkout.path(), SH, walls(), &script).await?;
    let said = told.said();
    let (own, others) = said.split_once("--\n").unwrap_or_default();
    ensure!(own.contains("PATH=") && !own.contains(mark), "{said}");
    if walls().has_landlock() {
        assert_eq!(others, "0\n0\n", "{said}");
    } else {
        // Only that the program itself was started without it.
        ensure!(!others.is_empty(), "{said}");
    }
    Ok(())
}

/// Starts a daemon below a daemon, each in a session of its own, and goes on
/// when both are there.
fn daemon(mark: &str) -> String {
    let inner = format!("echo up; exec sleep {mark} >/dev/null");
    let outer = format!("setsid sh -c \"{inner}\" & exec sleep {mark} >/dev/null");
    format!("(setsid sh -c '{outer}' &) | head -n 1")
}

#[tokio::test]
async fn what_forks_away_and_starts_a_session_of_its_own_is_gone_after_the_program() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    for (walls, mark) in [(walls(), "61.101"), (walls().without_landlock(), "61.102")] {
        let told = sh(checkout.path(), SH, walls, &daemon(mark)).await?;
        assert_eq!(told.said(), "failed: up\n");
        is_gone(mark).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_forks_away_is_gone_at_the_deadline_and_when_cancelled() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let stays = |mark| format!("{}; sleep {mark}", daemon(mark));
    let limits = CallLimits {
        wall: Duration::from_secs(2),
        ..CallLimits::LONG
    };
    let told = sh_within(
        checkout.path(),
        SH,
        walls(),
        &stays("61.103"),
        limits,
        |_| {},
    )
    .await?;
    ensure!(told.said().contains("WallTimeout"), "{}", told.said());
    ensure!(
        told.log.iter().any(|line| line.message == "up"),
        "{:?}",
        told.log
    );
    is_gone("61.103").await?;
    let cancel = |token: CancellationToken| {
        tokio::spawn(async move {
            // As the arguments of a process, not inside of a script.
            while is_gone_now("sleep\x0061.104") {
                tokio::task::yield_now().await;
            }
            token.cancel();
        });
    };
    let (script, long) = (stays("61.104"), CallLimits::LONG);
    let told = sh_within(checkout.path(), SH, walls(), &script, long, cancel).await?;
    ensure!(told.said().contains("Cancelled"), "{}", told.said());
    is_gone("61.104").await
}

/// Whether no process has this text in its command line.
fn is_gone_now(mark: &str) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = entries.map(|e| std::fs::read(e.path().join("cmdline")).unwrap_or_default());
    !lines.any(|line| String::from_utf8_lossy(&line).contains(mark))
}

#[tokio::test]
async fn a_program_cannot_end_who_keeps_it_or_ends_with_it() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let script = "kill -9 $PPID; setsid sleep 61.105 & echo alive";
    let told = sh(checkout.path(), SH, walls(), script).await?;
    let said = if walls().holds_signals() {
        "failed: alive\n"
    } else {
        "failed: "
    };
    assert_eq!(told.said(), said);
    is_gone("61.105").await?;
    let walls = walls().without_landlock();
    let told = sh(
        checkout.path(),
        SH,
        walls,
        "kill -9 $PPID; exec sleep 61.106",
    )
    .await?;
    assert_eq!(told.said(), "failed: ");
    is_gone("61.106").await
}

#[tokio::test]
async fn what_a_plugin_sets_for_a_program_does_not_reach_its_keeper() -> Result<()> {
    let checkout = tempfile::tempdir()?;
    let outside = Outside {
        secrets: guest::vault("PATH-is-not-this"),
        programs: walls(),
        ..Outside::default()
    };
    let context = guest::logged_in(checkout.path()).0;
    let context = guest::with_outside(context, outside);
    let grants = r#"{"run":["sh"],"secrets":["TOKEN"]}"#;
    let script = "test \"$GIVEN\" = PATH-is-not-this && echo given; \
                  tr '\\0' '\\n' < /proc/self/environ | grep -c BAEPO; exit 1";
    let outcome =
        super::capability::build(names::SECRET_VARIABLE, grants, script, &context).await?;
    assert_eq!(guest::said(&outcome), "failed: given\n0\n");
    Ok(())
}

#[tokio::test]
async fn paths_lead_nowhere_but_into_the_checkout() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    std::fs::create_dir_all(checkout.join("src"))?;
    std::fs::write(folder.path().join("outside"), "outside")?;
    std::os::unix::fs::symlink("../outside", checkout.join("link"))?;
    std::os::unix::fs::symlink("..", checkout.join("src/up"))?;
    let context = guest::logged_in(&checkout).0;
    let absolute = folder.path().join("outside").display().to_string();
    for path in [
        "../outside",
        "src/../../outside",
        &absolute,
        "link",
        "src/up/../outside",
    ] {
        let grants = r#"{"read":["."]}"#;
        let outcome = super::capability::build("read-file", grants, path, &context).await?;
        let said = guest::said(&outcome);
        ensure!(
            said.starts_with("failed: ") && said != "failed: outside",
            "{path}: {said}"
        );
    }
    Ok(())
}
