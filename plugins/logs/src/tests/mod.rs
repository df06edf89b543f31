//! Looks at files that a test writes.

mod alarms;
mod any_input;
mod judging;
mod rotation;

use std::cell::RefCell;
use std::collections::BTreeMap;

use baepo_plugin::monitor::Histogram;
use baepo_plugin::{Release, Revision, config};

use super::*;

/// Files of a workspace, and how often they were asked for.
#[derive(Default)]
struct Disk {
    files: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Disk {
    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let mut files = self.files.borrow_mut();
        let file = files.entry(path.to_owned()).or_default();
        file.extend_from_slice(text.as_ref());
    }

    fn rename(&self, from: &str, to: &str) {
        let content = self.files.borrow_mut().remove(from).unwrap();
        self.files.borrow_mut().insert(to.to_owned(), content);
    }
}

impl Files for Disk {
    fn list(&self, pattern: &str) -> Result<Vec<(String, u64)>, HookError> {
        let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
        let files = self.files.borrow();
        let found = files
            .iter()
            .filter(|(path, _)| path.starts_with(before) && path.ends_with(after));
        Ok(found
            .map(|(path, content)| (path.clone(), content.len() as u64))
            .collect())
    }

    fn part(&self, path: &str, offset: u64, limit: u64) -> Result<(Vec<u8>, u64), HookError> {
        let files = self.files.borrow();
        let gone = || HookError::Failed(format!("there is no `{path}`"));
        let content = files.get(path).ok_or_else(gone)?;
        let begin = content.len().min(offset as usize);
        let end = content.len().min(begin + limit as usize);
        Ok((content[begin..end].to_vec(), content.len() as u64))
    }
}

fn side(requests: Option<u64>) -> Side {
    let revision = Revision {
        commit: "c0ffee".into(),
        ref_name: "r".into(),
        summary: "s".into(),
        committed_at_ms: 0,
    };
    Side {
        release: Release {
            digest: format!("sha256:{}", "ab".repeat(32)),
            revision,
            artifacts: Vec::new(),
        },
        endpoints: vec!["http://127.0.0.1:1".into()],
        telemetry: requests.map(|requests| Telemetry {
            requests,
            failures: 0,
            latency: Histogram {
                bounds_us: Vec::new(),
                counts: vec![requests],
            },
        }),
    }
}

/// A rollout that is looked at again and again.
struct Rollout {
    disk: Disk,
    request: ObserveRequest,
}

const STABLE: &str = ".baepo/output/stable/a-1.log";
const CANDIDATE: &str = ".baepo/output/candidate/b-1.log";

impl Rollout {
    fn new(config: &str) -> Rollout {
        let request = ObserveRequest {
            config: config.into(),
            memory: Vec::new(),
            phase: Phase::Ramp,
            window: 1,
            window_elapsed_ms: 5_000,
            since_last_look_ms: 5_000,
            last_look: false,
            weight_basis_points: None,
            stable: Some(side(Some(900))),
            candidate: side(Some(100)),
            stable_before: None,
            now_ms: 0,
        };
        let disk = Disk::default();
        disk.write(STABLE, "INFO up\n");
        disk.write(CANDIDATE, "INFO up\n");
        Rollout { disk, request }
    }

    fn look(&mut self) -> Observation {
        let config = config::parse(&self.request.config).unwrap();
        let observation = observe(&config, &self.request, &self.disk).unwrap();
        self.request.memory.clone_from(&observation.memory);
        observation
    }

    fn memory(&self) -> Memory {
        Memory::from_bytes(&self.request.memory).unwrap()
    }
}
