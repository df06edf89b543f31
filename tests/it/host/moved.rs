//! The real binary moves secrets out of its own environment, can be traced by
//! nobody, and tells the log of a job what to hide.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::life::baepo;

const CONFIG: &str = "\
app: shop
build: { run: [sh, build.sh], artifacts: [out/shop] }
environments:
  production:
    ephemeral: true
    target: { local: { listen: '127.0.0.1:1', command: [shop], health: /healthz } }
    strategy: direct
    monitors: [traffic]
    env: { DATABASE_URL: { secret: PRODUCTION_DATABASE } }
";

/// Says that it is there, waits until it may go on, and says what it knows.
const BUILD: &str = "\
echo up
read line < go
tr '\\0' '\\n' < /proc/self/environ
cat /proc/$PPID/environ /proc/$PPID/mem
for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ; done 2>/dev/null | grep -e hunter2 -e ghs_
echo the database is hunter2-db, in base64 $(printf hunter2-db | base64)
exit 1
";

struct Job {
    folder: TempDir,
    child: Child,
    said: BufReader<std::process::ChildStderr>,
    so_far: String,
}

impl Job {
    /// `baepo run` in a checkout, stopped in the middle of its build. As root it
    /// runs as somebody else, for root may do everything.
    fn start(variables: &[(&str, &str)]) -> Result<Job> {
        Job::start_with(variables, BUILD)
    }

    fn start_with(variables: &[(&str, &str)], build: &str) -> Result<Job> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        let binary = root.join("baepo");
        std::fs::copy(baepo(), &binary)?;
        std::fs::write(root.join("baepo.yml"), CONFIG)?;
        std::fs::write(root.join("build.sh"), build)?;
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "baepo.yml", "build.sh"],
            &[
                "-c",
                "user.name=T",
                "-c",
                "user.email=t@e",
                "commit",
                "--quiet",
                "-m",
                "x",
            ],
        ] {
            let done = Command::new("git").args(args).current_dir(root).status()?;
            ensure!(done.success(), "git {args:?}");
        }
        let made = Command::new("mkfifo").arg(root.join("go")).status()?;
        ensure!(made.success(), "mkfifo");
        let mut command = Command::new(&binary);
        command
            .arg("run")
            .current_dir(root)
            .env("HOME", root.join("home"))
            .env("TMPDIR", root)
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITHUB_EVENT_NAME")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if is_root()? {
            let everything = Command::new("chown")
                .args(["-R", "65534:65534"])
                .arg(root)
                .status()?;
            ensure!(everything.success(), "chown");
            command.uid(65534).gid(65534);
        }
        let mut child = command.spawn()?;
        let said = BufReader::new(child.stderr.take().context("no stderr")?);
        let mut job = Job {
            folder,
            child,
            said,
            so_far: String::new(),
        };
        while !job.so_far.contains("| up\n") {
            let read = job.said.read_line(&mut job.so_far)?;
            ensure!(read > 0, "it ended: {}", job.so_far);
        }
        Ok(job)
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name)
    }

    /// Let it go on to its end; all that it said.
    fn finish(mut self) -> Result<String> {
        std::fs::write(self.folder.path().join("go"), "on\n")?;
        self.said.read_to_string(&mut self.so_far)?;
        self.child.wait()?;
        Ok(std::mem::take(&mut self.so_far))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Where it has ended, there is nothing to end; where a check has failed,
        // it waits for something that does not come.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

const VARIABLES: [(&str, &str); 4] = [
    ("PRODUCTION_DATABASE", "hunter2-db"),
    ("GITHUB_TOKEN", "ghs_hunter2"),
    ("DEPLOY_PASSWORD", "hunter2-private"),
    ("PLAIN", "to-be-seen"),
];

#[test]
fn secrets_are_not_in_the_environment_of_baepo_and_of_nothing_that_it_starts() -> Result<()> {
    let job = Job::start(&VARIABLES)?;
    // Undumpable: what it is belongs to root, whoever runs it.
    assert_eq!(std::fs::metadata(job.proc("environ"))?.uid(), 0);
    let environment = match std::fs::read(job.proc("environ")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            ensure!(!is_root()?, "root cannot read it: {error}");
            "PLAIN=to-be-seen".to_owned()
        }
    };
    ensure!(environment.contains("PLAIN=to-be-seen"), "{environment:?}");
    for (name, value) in &VARIABLES[..3] {
        ensure!(!environment.contains(value), "{name} in {environment:?}");
        ensure!(
            !environment.contains(&format!("{name}=")),
            "{environment:?}"
        );
    }
    let said = job.finish()?;
    ensure!(said.contains("PATH="), "{said}");
    ensure!(
        said.contains("the database is ***, in base64 ***"),
        "{said}"
    );
    for hidden in ["hunter2", "ghs_", "PLAIN", "aHVudGVyMi1k"] {
        ensure!(!said.contains(hidden), "{hidden} in {said}");
    }
    ensure!(said.contains("/environ: "), "its keeper was read: {said}");
    Ok(())
}

#[test]
fn a_process_of_the_same_user_cannot_look_into_baepo() -> Result<()> {
    let job = Job::start(&VARIABLES)?;
    let look = |pid: u32| -> Result<bool> {
        let path = format!("/proc/{pid}/environ");
        let mut look = Command::new("cat");
        look.arg(path).stdout(Stdio::null()).stderr(Stdio::null());
        if is_root()? {
            look.uid(65534).gid(65534);
        }
        Ok(look.status()?.success())
    };
    // The negative control: an ordinary process of that user.
    let mut sleep = Command::new("sleep");
    sleep.arg("61.107");
    if is_root()? {
        sleep.uid(65534).gid(65534);
    }
    let mut other = sleep.spawn()?;
    let seen = (look(other.id())?, look(job.child.id())?);
    other.kill()?;
    other.wait()?;
    assert_eq!(seen, (true, false));
    job.finish().map(drop)
}

#[test]
fn programs_go_with_baepo_however_it_ends() -> Result<()> {
    let build = "setsid sleep 61.108 &\necho up\nread line < go\n";
    let mut job = Job::start_with(&[], build)?;
    job.child.kill()?;
    job.child.wait()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(super::capability::is_gone("61.108"))?;
    runtime.block_on(super::capability::is_gone(
        &job.folder.path().display().to_string(),
    ))
}

#[test]
fn the_log_of_a_job_is_told_what_to_hide_before_anything_else() -> Result<()> {
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("PRODUCTION_DATABASE", "first-line\n\nthe 2% line\n"),
        ("GITHUB_TOKEN", "ghs_hunter2"),
    ];
    let said = Job::start(&variables)?.finish()?;
    let masks: Vec<&str> = said.lines().take(3).collect();
    let expected = [
        "::add-mask::ghs_hunter2",
        "::add-mask::first-line",
        "::add-mask::the 2%25 line",
    ];
    assert_eq!(masks, expected);
    assert_eq!(said.matches("::add-mask::").count(), 3, "{said}");
    Ok(())
}
