//! How this program sets up the plugin host: where compiled plugins may be
//! kept, and who compiles.

use std::path::{Path, PathBuf};
use std::time::Duration;

use baepo_runtime::plugin::{CacheOptions, Compiler, HostOptions};

/// After how long somebody wants to know what is waited for.
const LONG: Duration = Duration::from_secs(2);

/// Events that run only what people with write access have put there. In all
/// others the code of a stranger may have run in this job before.
const TRUSTED_EVENTS: [&str; 5] = [
    "push",
    "schedule",
    "workflow_dispatch",
    "repository_dispatch",
    "release",
];

/// The options for a process in this checkout.
pub(crate) fn options(checkout: &Path) -> HostOptions {
    let variable = |name: &str| std::env::var(name).ok();
    HostOptions {
        cache: cache(&variable, checkout),
        compiler: Some(Compiler {
            // Itself, even where the file has been replaced meanwhile.
            program: PathBuf::from("/proc/self/exe"),
            arguments: vec!["compile-component".into()],
        }),
        ..HostOptions::default()
    }
}

/// The same, and a word for people where it takes long: the first time a large
/// plugin is compiled.
pub(crate) async fn patiently<T>(name: &str, loading: impl Future<Output = T>) -> T {
    let mut loading = std::pin::pin!(loading);
    tokio::select! {
        loaded = &mut loading => loaded,
        () = tokio::time::sleep(LONG) => {
            crate::complain(&format!("compiling the plugin `{name}` …"));
            loading.await
        }
    }
}

/// Where compiled plugins are kept; nowhere in a job in which a stranger's code
/// may have run, and never inside the checkout.
fn cache(variable: &dyn Fn(&str) -> Option<String>, checkout: &Path) -> Option<CacheOptions> {
    let in_actions = variable("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let event = variable("GITHUB_EVENT_NAME").unwrap_or_default();
    if in_actions && !TRUSTED_EVENTS.contains(&event.as_str()) {
        return None;
    }
    let absolute = |text: String| Some(PathBuf::from(text)).filter(|path| path.is_absolute());
    let home = |name: &str, under: &str| {
        let own = variable(name).and_then(absolute);
        own.or_else(|| Some(variable("HOME").and_then(absolute)?.join(under)))
    };
    let folder = match variable("BAEPO_CACHE").filter(|text| !text.is_empty()) {
        Some(text) => absolute(text)?,
        None => home("XDG_CACHE_HOME", ".cache")?.join("baepo/compiled"),
    };
    let key = home("XDG_STATE_HOME", ".local/state")?.join("baepo/compile-key");
    let checkouts = [
        Some(checkout.into()),
        variable("GITHUB_WORKSPACE").and_then(absolute),
    ];
    let is_open = |path: &Path| checkouts.iter().flatten().any(|root| is_inside(path, root));
    if is_open(&folder) || is_open(&key) || key.starts_with(&folder) {
        return None;
    }
    Some(CacheOptions::new(folder, key))
}

/// Whether a path, which may not be there yet, is in a folder.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| {
        let present = path.ancestors().find_map(|part| {
            let rest = path.strip_prefix(part).ok()?;
            Some(part.canonicalize().ok()?.join(rest))
        });
        present.unwrap_or_else(|| path.into())
    };
    real(path).starts_with(real(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_plugins_are_kept_where_no_stranger_can_write() {
        let place = |variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            cache(&variable, Path::new("/checkout")).map(|options| options.folder)
        };
        let home = ("HOME", "/home/u");
        let actions = ("GITHUB_ACTIONS", "true");
        let kept = Some(PathBuf::from("/home/u/.cache/baepo/compiled"));
        assert_eq!(place(&[home]), kept);
        assert_eq!(place(&[home, actions, ("GITHUB_EVENT_NAME", "push")]), kept);
        for event in [
            "pull_request",
            "pull_request_target",
            "issue_comment",
            "",
            "workflow_run",
        ] {
            assert_eq!(place(&[home, actions, ("GITHUB_EVENT_NAME", event)]), None);
        }
        let named = |folder| place(&[home, ("BAEPO_CACHE", folder)]);
        assert_eq!(named("/var/baepo"), Some(PathBuf::from("/var/baepo")));
        for folder in ["off", "relative", "/checkout/cache", "/home/u/.local"] {
            assert_eq!(named(folder), None, "{folder}");
        }
        assert_eq!(place(&[("HOME", "/checkout/home")]), None);
        assert_eq!(place(&[home, ("GITHUB_WORKSPACE", "/home")]), None);
        assert_eq!(place(&[]), None);
    }
}
