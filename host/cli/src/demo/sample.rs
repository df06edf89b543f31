//! The sample service, embedded: three revisions of a small shop.

use std::path::Path;

use baepo_core::release::Revision;
use baepo_core::time::Time;
use baepo_runtime::clock::now;
use sha2::{Digest, Sha256};

/// A file of the service: its path and what is in it.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../tests/sample/", $folder, $path)))),*]
    };
}

/// The first revision, whole.
const V1: &[File] = files!["":
    "Cargo.toml",
    "Cargo.lock",
    "src/main.rs",
    "src/cart.rs",
    "src/checksum.rs",
    "src/front_page.rs",
    "src/routes.rs",
    "src/settings.rs",
    "src/http/mod.rs",
    "src/http/date.rs",
    "src/http/read.rs",
    "src/http/serve.rs",
    "src/http/write.rs",
    "tests/checks/main.rs",
    "tests/checks/front_page.rs",
    "tests/checks/protocol.rs",
    "tests/checks/report.rs",
    "tests/checks/service.rs",
];
/// What the second changes.
const V2: &[File] = files!["revisions/v2/": "src/front_page.rs", "tests/checks/front_page.rs"];
/// What the third changes.
const V3: &[File] = files!["revisions/v3/":
    "src/cart.rs",
    "src/front_page.rs",
    "tests/checks/front_page.rs",
];

/// One revision of the service.
pub(crate) struct Sample {
    /// What it calls itself in its answers.
    pub name: &'static str,
    /// Its commit message.
    pub summary: &'static str,
    /// What it changes.
    files: &'static [File],
}

/// Good, good, and one that fails a share of its requests and is slower,
/// though its own tests pass.
pub(crate) const REVISIONS: [Sample; 3] = [
    Sample {
        name: "v1",
        summary: "Open the shop",
        files: V1,
    },
    Sample {
        name: "v2",
        summary: "Say when bread is delivered",
        files: V2,
    },
    Sample {
        name: "v3",
        summary: "Suggest what goes well with it",
        files: V3,
    },
];

impl Sample {
    /// Write it over what is in this folder.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn check_out(&self, folder: &Path) -> std::io::Result<()> {
        for (path, content) in self.files {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, content)?;
        }
        Ok(())
    }

    /// The commit that it would be: named by its content, as git does.
    pub(crate) fn revision(&self) -> Revision {
        let mut hash = Sha256::new();
        for (path, content) in self.files {
            hash.update(path);
            hash.update(content);
        }
        let commit: String = hash
            .finalize()
            .iter()
            .take(20)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Revision {
            commit,
            ref_name: "refs/heads/main".into(),
            summary: format!("{}: {}", self.name, self.summary),
            committed_at: Time(now().0 / 1000 * 1000),
        }
    }
}
