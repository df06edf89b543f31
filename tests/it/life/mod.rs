//! The real binary on a real service: whole runs, from a checkout to a fleet.

mod approval;
mod bad_input;
mod bundle;
mod demo;
pub(crate) mod elsewhere;
mod ephemeral;
mod faults;
mod full_disk;
mod keys;
mod kill;
mod lease;
mod lock;
mod order;
mod pages;
mod simulate;
mod told;
mod verify;
mod waiting;
mod watchdog;
mod way_back;
pub(crate) mod zero_loss;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Settings of an environment whose rollouts are short and need no traffic.
pub(crate) const DIRECT: &str = "    strategy:\n      plugin: builtin:direct\n      \
     with: { bake: 1s, max-observe: 2s }\n    on-no-evidence: continue-on-health\n";

/// The `baepo` binary beside this test binary.
pub(crate) fn baepo() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let path = deps.parent().unwrap().parent().unwrap().join("baepo");
    assert!(
        path.is_file(),
        "{} is missing: build the workspace first",
        path.display()
    );
    path
}

/// The sample service of one revision, built once.
pub(crate) fn shop(revision: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_shops).join(revision)
}

/// All shops, in a folder that is named after what they are made of: every test
/// is a process of its own, and only the first of them has to build.
fn build_shops() -> PathBuf {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    let root = baepo().parent().unwrap().join("sample-shops");
    let mut sources = DefaultHasher::new();
    for part in ["Cargo.toml", "Cargo.lock", "src", "tests", "revisions"] {
        hash(&sample.join(part), &mut sources);
    }
    let shops = root.join(format!("{:016x}", sources.finish()));
    std::fs::create_dir_all(&root).unwrap();
    // Several test processes may come here at once.
    let lock = std::fs::File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    if shops.exists() {
        return shops;
    }
    let unfinished = tempfile::tempdir_in(&root).unwrap();
    for revision in ["v1", "v2", "v3"] {
        let checkout = root.join(format!("checkout-{revision}"));
        copy(&sample.join("src"), &checkout.join("src"));
        copy(&sample.join("tests"), &checkout.join("tests"));
        for file in ["Cargo.toml", "Cargo.lock"] {
            std::fs::copy(sample.join(file), checkout.join(file)).unwrap();
        }
        let changes = sample.join("revisions").join(revision).join("src");
        if changes.exists() {
            copy(&changes, &checkout.join("src"));
        }
        let built = Command::new("cargo")
            .args(["build", "--release", "--locked", "--offline", "--quiet"])
            .current_dir(&checkout)
            .env("CARGO_TARGET_DIR", root.join("target"))
            .status()
            .unwrap();
        assert!(built.success());
        let made = unfinished.path().join(revision);
        std::fs::copy(root.join("target/release/shop"), made).unwrap();
    }
    std::fs::rename(unfinished.keep(), &shops).unwrap();
    shops
}

/// Names and contents of all files there.
fn hash(path: &Path, into: &mut DefaultHasher) {
    path.file_name().unwrap().hash(into);
    if !path.is_dir() {
        return std::fs::read(path).unwrap().hash(into);
    }
    let inside = std::fs::read_dir(path).unwrap();
    let mut inside: Vec<PathBuf> = inside.map(|entry| entry.unwrap().path()).collect();
    inside.sort();
    inside.iter().for_each(|path| hash(path, into));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A git checkout that deploys a shop to one environment on this machine.
pub(crate) struct Checkout {
    folder: TempDir,
    pub(crate) port: u16,
    agent: Option<Child>,
    /// What commands of baepo find in their environment, such as secrets.
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    /// How patient the watchdog is, where not as usual.
    pub(crate) watchdog: Option<&'static str>,
}

impl Checkout {
    /// An empty checkout.
    pub(crate) fn new() -> Checkout {
        let folder = tempfile::Builder::new().prefix("shop").tempdir().unwrap();
        let port = free_port();
        let checkout = Checkout {
            folder,
            port,
            agent: None,
            variables: Vec::new(),
            watchdog: None,
        };
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.git(&["config", "user.name", "Test"]);
        checkout.git(&["config", "user.email", "test@example.com"]);
        checkout
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(crate) fn git(&self, args: &[&str]) {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commit a revision of the shop under this configuration.
    pub(crate) fn commit(&self, revision: &str, config: &str) {
        self.commit_program(&shop(revision), revision, config);
    }

    /// Commit any service in place of the shop.
    pub(crate) fn commit_program(&self, program: &Path, revision: &str, config: &str) {
        std::fs::copy(program, self.path().join("prebuilt")).unwrap();
        self.write("baepo.yml", config);
        // What a test breaks later must not hide the agent from it.
        self.write("good.yml", config);
        self.write(".gitignore", "/state\n/out\n/made/shop\n/.baepo\n");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", revision]);
    }

    /// A configuration whose build copies the shop that is there, so that runs
    /// are short; `settings` are lines of the environment.
    pub(crate) fn config(&self, greeting: &str, settings: &str) -> String {
        let watchdog = self.watchdog.map(|w| format!("        watchdog: {w}\n"));
        let watchdog = watchdog.unwrap_or_default();
        format!(
            "app: shop\n\
             build: {{ run: [cp, prebuilt, out/shop], artifacts: [out/shop] }}\n\
             release: {{ env: {{ GREETING: {greeting} }} }}\n\
             environments:\n  \
               production:\n    \
                 target:\n      \
                   local:\n        \
                     listen: 127.0.0.1:{port}\n        \
                     command: [shop]\n        \
                     instances: 2\n        \
                     health: {{ path: /healthz, interval: 100ms }}\n        \
                     drain: 5s\n\
             {watchdog}    \
                 first-bake: 1s\n    \
                 monitors: [traffic]\n{settings}",
            port = self.port
        )
    }

    /// A command of baepo in this checkout.
    pub(crate) fn baepo(&self, args: &[&str]) -> Command {
        std::fs::create_dir_all(self.path().join("out")).unwrap();
        let mut command = Command::new(baepo());
        command
            .args(args)
            .current_dir(self.path())
            .env("BAEPO_STATE", self.state())
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITHUB_EVENT_NAME")
            .envs(self.variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Run a command of baepo to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.baepo(args).output().unwrap()
    }

    /// The same, with this exit code and these words in what it says; that.
    #[track_caller]
    pub(crate) fn runs(&self, args: &[&str], code: i32, words: &[&str]) -> String {
        let output = self.run(args);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        text
    }

    /// Start the agent and wait until it answers.
    pub(crate) fn start_agent(&mut self) {
        let agent = self
            .baepo(&[
                "agent",
                "--environment",
                "production",
                "--config",
                "good.yml",
            ])
            .stderr(Stdio::null())
            .spawn();
        self.agent = Some(agent.unwrap());
        self.wait_until("the agent answers", |checkout| {
            checkout.try_status().is_some()
        });
    }

    /// Kill the agent as a power cut would.
    pub(crate) fn kill_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
    }

    fn try_status(&self) -> Option<Value> {
        let output = self.run(&["status", "--output", "json", "--config", "good.yml"]);
        // An agent that does not answer is told in JSON too.
        output.status.success().then_some(())?;
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.lines().next()?).ok()
    }

    /// What `baepo status` says.
    pub(crate) fn status(&self) -> Value {
        self.try_status().expect("the agent answers")
    }

    /// The commit that serves, and whether nothing else is there: no second
    /// release with instances, no second share of traffic, nothing under way.
    pub(crate) fn serves_wholly(&self) -> Option<String> {
        let status = self.status();
        let route = status["fleet"]["route"].as_array()?.clone();
        let living: Vec<&Value> = status["fleet"]["instances"]
            .as_array()?
            .iter()
            .filter(|i| {
                ["asked", "ready", "starting", "draining"]
                    .iter()
                    .any(|key| i[*key] != 0)
            })
            .collect();
        let [share] = route.as_slice() else {
            return None;
        };
        let [instances] = living.as_slice() else {
            return None;
        };
        let stable = &status["state"]["stable"];
        let whole = share["weight"] == 10_000
            && share["digest"] == instances["digest"]
            && share["digest"] == stable["digest"]
            && instances["ready"] == instances["asked"];
        whole.then(|| stable["revision"]["commit"].as_str().unwrap().to_owned())
    }

    /// How many processes run a program of this checkout's state folder.
    pub(crate) fn living_below_state(&self) -> usize {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|process| std::fs::read_link(process.path().join("exe")).ok())
            .filter(|exe| exe.starts_with(self.state()))
            .count()
    }

    pub(crate) fn head(&self) -> String {
        let output = Command::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(self.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Look again until it is so.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Checkout) -> bool) {
        let is_so = within(Duration::from_secs(30), || is_so(self));
        assert!(is_so, "waited 30 s until {what}");
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let stopped = self
            .baepo(&[
                "agent",
                "--environment",
                "production",
                "--stop",
                "--config",
                "good.yml",
            ])
            .output();
        if let (Ok(_), Some(agent)) = (stopped, &mut self.agent) {
            let _ = agent.wait();
        }
    }
}

/// Whether it becomes so within this time.
pub(crate) fn within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// A port that nobody has, below those that the system hands out by itself: one
/// of those may be somebody's connection before it is used.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let offset = std::process::id() * 7 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(offset % 12_000).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Both streams of a command, for messages of assertions.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
