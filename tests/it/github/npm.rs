//! Programs of npm: GitHub's description of its API with a proxy that holds
//! both sides to it, and Mermaid.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::life::{free_port, within};

/// Paths of the API that baepo uses.
const PATHS: [&str; 21] = [
    "/user",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    "/repos/{owner}/{repo}/check-runs",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}",
    "/repos/{owner}/{repo}/commits/{ref}/check-runs",
    "/repos/{owner}/{repo}/commits/{ref}/statuses",
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls",
    "/repos/{owner}/{repo}/statuses/{sha}",
    "/repos/{owner}/{repo}/deployments",
    "/repos/{owner}/{repo}/deployments/{deployment_id}",
    "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}",
    "/repos/{owner}/{repo}/collaborators/{username}/permission",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{pull_number}",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs",
    "/repos/{owner}/{repo}/issues/{issue_number}/timeline",
    "/orgs/{org}/teams/{team_slug}/memberships/{username}",
];

/// Where `cargo xtask ci install` puts packages of npm; nothing where a person
/// runs the tests without them.
pub(super) fn modules() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.parent().unwrap().join("target/tools/npm/node_modules");
    let is_there = [
        "@stoplight/prism-cli",
        "@octokit/openapi",
        "mermaid",
        "jsdom",
        "marked",
    ]
    .iter()
    .all(|package| folder.join(package).is_dir());
    assert!(
        is_there || std::env::var_os("CI").is_none(),
        "packages of npm are not on this machine: cargo xtask ci install"
    );
    is_there.then_some(folder)
}

/// A script of this folder.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("it/github/scripts")
        .join(name)
}

/// Run a script of this folder on a text; what it printed.
pub(super) fn node(modules: &Path, name: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("node")
        .arg(script(name))
        .arg(modules)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A proxy that answers instead of passing on what breaks the description: 422
/// or 405 for a request, 500 for an answer.
pub(super) struct Prism {
    child: Child,
    port: u16,
    log_path: PathBuf,
    /// With the description, for as long as it is read.
    _folder: TempDir,
}

impl Prism {
    /// Before this GitHub.
    pub(super) fn before(modules: &Path, github: &str) -> Prism {
        let folder = tempfile::tempdir().unwrap();
        let description = folder.path().join("slim.json");
        std::fs::write(&description, slim(modules)).unwrap();
        let port = free_port();
        // Outside of the temporary folder, so that it can be read afterwards.
        let log_path = modules.join("../prism.log");
        let log = File::create(&log_path).unwrap();
        let child = Command::new(modules.join(".bin/prism"))
            .args([
                "proxy",
                "--errors",
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
            ])
            .arg(&description)
            .arg(github)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let prism = Prism {
            child,
            port,
            log_path,
            _folder: folder,
        };
        let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(within(Duration::from_secs(120), listens), "{}", prism.log());
        prism
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log_path).unwrap()
    }

    /// Lines of its log about something that breaks the description.
    pub(super) fn violations(&self) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("prism/errors#"));
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// GitHub's description with our paths alone: the whole takes 20 s to load.
fn slim(modules: &Path) -> String {
    let file = modules.join("@octokit/openapi/generated/api.github.com.json");
    let text = std::fs::read(file).unwrap();
    let mut description: Value = serde_json::from_slice(&text).unwrap();
    let wanted: BTreeSet<&str> = PATHS.into();
    let paths = description["paths"].as_object_mut().unwrap();
    paths.retain(|path, _| wanted.contains(path.as_str()));
    assert_eq!(paths.len(), PATHS.len(), "GitHub has dropped a path");
    description.to_string()
}
