//! Where credentials usually are: hidden from programs, where the kernel can.

use std::path::{Path, PathBuf};

/// Below the home folder.
const AT_HOME: [&str; 26] = [
    ".ssh",
    ".gnupg",
    ".netrc",
    ".git-credentials",
    ".config/git/credentials",
    ".docker/config.json",
    ".config/containers/auth.json",
    ".aws",
    ".azure",
    ".kube",
    ".config/gcloud",
    ".config/gh",
    ".config/hub",
    ".config/doctl",
    ".config/op",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
    ".password-store",
    ".pgpass",
    ".my.cnf",
];

/// Of the machine.
const OF_THE_MACHINE: [&str; 6] = [
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/sudoers.d",
    "/run/secrets",
    "/var/run/secrets",
];

/// Named by variables, each a file or a folder.
const NAMED: [&str; 8] = [
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_CONFIG_DIR",
    "CLOUDSDK_CONFIG",
    "GNUPGHOME",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "KUBECONFIG",
    "NETRC",
];

/// All places that are there, by their real paths.
pub(super) fn places(
    find: &dyn Fn(&str) -> Option<String>,
    checkout: &Path,
    more: &[PathBuf],
) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = more.to_vec();
    let folder = |name: &str| find(name).map(PathBuf::from);
    if let Some(home) = folder("HOME") {
        places.extend(AT_HOME.iter().map(|path| home.join(path)));
    }
    places.extend(OF_THE_MACHINE.iter().map(PathBuf::from));
    places.extend(NAMED.iter().filter_map(|name| folder(name)));
    if let Some(cargo) = folder("CARGO_HOME") {
        places.extend(["credentials", "credentials.toml"].map(|name| cargo.join(name)));
    }
    if let Some(docker) = folder("DOCKER_CONFIG") {
        places.push(docker.join("config.json"));
    }
    places.extend(of_runner(&folder));
    places.extend(of_git(checkout));
    let mut real: Vec<PathBuf> = places
        .iter()
        .filter_map(|place| place.canonicalize().ok())
        .filter(|place| place.parent().is_some())
        .collect();
    real.sort();
    real.dedup();
    real
}

/// The files by which steps talk with the runner, what `actions/checkout`
/// leaves beside it, and the runner's own identity.
fn of_runner(folder: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(commands) = folder("GITHUB_ENV").as_deref().and_then(Path::parent) {
        places.push(commands.to_owned());
    }
    if let Some(temporary) = folder("RUNNER_TEMP") {
        let entries = std::fs::read_dir(temporary).into_iter().flatten().flatten();
        let is_credential = |name: &str| name.starts_with("git-credentials-");
        let entries = entries.filter(|e| e.file_name().to_str().is_some_and(is_credential));
        places.extend(entries.map(|entry| entry.path()));
    }
    // `<runner>/_work/<repository>`.
    let workspace = folder("RUNNER_WORKSPACE");
    if let Some(runner) = workspace
        .as_deref()
        .and_then(|path| path.ancestors().nth(2))
    {
        let files = [".credentials", ".credentials_rsaparams", ".runner", ".env"];
        places.extend(files.map(|name| runner.join(name)));
    }
    places
}

/// Git's configuration of a checkout, where it has anything in it that is not
/// known to be harmless: `actions/checkout` writes its token there unless told
/// not to.
fn of_git(checkout: &Path) -> Vec<PathBuf> {
    let mut folders = vec![checkout.join(".git")];
    // In a worktree or submodule `.git` is a file that names the folder.
    if let Ok(text) = std::fs::read_to_string(&folders[0])
        && let Some(folder) = text.trim().strip_prefix("gitdir: ")
    {
        let folder = checkout.join(folder);
        if let Ok(common) = std::fs::read_to_string(folder.join("commondir")) {
            folders.push(folder.join(common.trim()));
        }
        folders.push(folder);
    }
    let files = folders
        .iter()
        .flat_map(|folder| ["config", "config.worktree"].map(|name| folder.join(name)));
    files
        .filter(|file| std::fs::read(file).is_ok_and(|text| !is_harmless(&text)))
        .collect()
}

/// Keys of git's configuration that hold no credentials, by section.
const HARMLESS: [(&str, &[&str]); 15] = [
    ("advice", &[]),
    ("branch", &["merge", "rebase", "remote"]),
    ("color", &[]),
    (
        "core",
        &[
            "abbrev",
            "autocrlf",
            "bare",
            "eol",
            "filemode",
            "fscache",
            "ignorecase",
            "logallrefupdates",
            "longpaths",
            "precomposeunicode",
            "repositoryformatversion",
            "safecrlf",
            "sparsecheckout",
            "symlinks",
            "untrackedcache",
            "worktree",
        ],
    ),
    (
        "extensions",
        &[
            "objectformat",
            "partialclone",
            "refstorage",
            "worktreeconfig",
        ],
    ),
    ("fetch", &[]),
    ("gc", &[]),
    ("index", &[]),
    ("init", &["defaultbranch"]),
    ("lfs", &["repositoryformatversion"]),
    ("pull", &["ff", "rebase"]),
    ("push", &["autosetupremote", "default"]),
    (
        "remote",
        &["fetch", "partialclonefilter", "promisor", "tagopt", "url"],
    ),
    ("submodule", &["active", "url"]),
    ("user", &["email", "name"]),
];

fn is_harmless(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let mut keys: Option<&[&str]> = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            let Some(head) = head.strip_suffix(']') else {
                return false;
            };
            let section = head.split([' ', '\t', '.', '"']).next().unwrap_or_default();
            let section = section.to_ascii_lowercase();
            keys = HARMLESS
                .iter()
                .find(|(name, _)| *name == section)
                .map(|(_, keys)| *keys);
            if keys.is_none() || head.contains('@') {
                return false;
            }
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let key = key.trim().to_ascii_lowercase();
        let is_known = keys.is_some_and(|keys| keys.is_empty() || keys.contains(&key.as_str()));
        // `https://user:password@host`; `git@host:path` has no password in it.
        let has_user = value.contains("://") && value.contains('@');
        if !is_known || has_user || value.ends_with('\\') {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_of_git_is_harmless_only_where_every_line_is() {
        let plain = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n# x\n[remote \"origin\"]\n\
            \turl = https://github.com/acme/shop\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n[user]\n\tname = A\n";
        assert!(is_harmless(plain.as_bytes()));
        for line in [
            "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic x",
            "[credential]\n\thelper = store",
            "[remote \"a\"]\n\turl = https://x:token@github.com/a",
            "[includeIf \"gitdir:x\"]\n\tpath = /tmp/git-credentials-1.config",
            "[core]\n\tsshCommand = ssh -i key",
            "[user] name = A",
            "token",
            "[user]\n\tname = a\\\n\tb",
        ] {
            assert!(
                !is_harmless(format!("{plain}{line}\n").as_bytes()),
                "{line}"
            );
        }
    }

    #[test]
    fn only_places_that_are_there_are_hidden_and_by_their_real_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |path: &str| root.join(path);
        for path in [
            "home/.ssh",
            "commands",
            "temp",
            "runner/_work/shop/shop/.git",
        ] {
            std::fs::create_dir_all(at(path)).unwrap();
        }
        let checkout = at("runner/_work/shop/shop");
        std::os::unix::fs::symlink(at("home/.ssh"), at("home/.aws")).unwrap();
        for file in [
            "temp/git-credentials-1.config",
            "temp/other",
            "runner/.credentials",
        ] {
            std::fs::write(at(file), "").unwrap();
        }
        std::fs::write(checkout.join(".git/config"), "token").unwrap();
        let find = |name: &str| {
            let path = match name {
                "HOME" => "home",
                "GITHUB_ENV" => "commands/set_env_1",
                "RUNNER_TEMP" => "temp",
                "RUNNER_WORKSPACE" => "runner/_work/shop",
                _ => return None,
            };
            Some(at(path).display().to_string())
        };
        let found = places(&find, &checkout, &[at("nowhere")]);
        let found: Vec<_> = found
            .iter()
            .filter_map(|path| path.strip_prefix(&root).ok())
            .collect();
        let expected = [
            "commands",
            "home/.ssh",
            "runner/.credentials",
            "runner/_work/shop/shop/.git/config",
            "temp/git-credentials-1.config",
        ];
        assert_eq!(found, expected.map(Path::new));
    }

    #[test]
    fn a_worktree_leads_to_the_configuration_that_it_shares() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("main/.git/worktrees/w")).unwrap();
        std::fs::create_dir(root.join("tree")).unwrap();
        std::fs::write(root.join("main/.git/config"), "token").unwrap();
        std::fs::write(root.join("main/.git/worktrees/w/commondir"), "../..\n").unwrap();
        std::fs::write(root.join("tree/.git"), "gitdir: ../main/.git/worktrees/w\n").unwrap();
        let found = of_git(&root.join("tree"));
        let real = root.join("main/.git/config").canonicalize().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].canonicalize().unwrap(), real);
    }
}
