//! A build: runs one program and names the files that it made.
//!
//! Change [`Settings`] to what your users are to write under `with:`. The program
//! needs `allow: { run: [make] }` at the plugin's use.

use baepo_plugin::HookError;
use baepo_plugin::build::{Build, BuildOutput, BuildRequest, BuiltFile};
use baepo_plugin::config::{Config, Fields};
use baepo_plugin::process;

/// What users write under `with:`.
struct Settings {
    /// A program and its arguments.
    run: Vec<String>,
    /// Files that it makes, relative to the checkout.
    files: Vec<String>,
}

impl Config for Settings {
    fn read(fields: &mut Fields) -> Settings {
        Settings {
            run: fields.list("run").unwrap_or_else(|| vec!["make".into()]),
            files: fields
                .list("files")
                .unwrap_or_else(|| vec!["out/app".into()]),
        }
    }
}

struct Plugin;

impl Build for Plugin {
    type Config = Settings;

    fn build(settings: Settings, request: &BuildRequest) -> Result<BuildOutput, HookError> {
        let Settings { run, files } = settings;
        let revision = &request.revision.commit;
        baepo_plugin::info!("building"; revision = revision);
        let output = process::run(&process::command(&run))?;
        if output.exit_code != 0 {
            let why = process::tail(&output.stderr, 20);
            return Err(HookError::Failed(format!(
                "{} failed:\n{why}",
                process::line(&run)
            )));
        }
        Ok(BuildOutput {
            files: files.into_iter().map(file).collect(),
            annotations: Vec::new(),
        })
    }
}

baepo_plugin::export_build!(Plugin);

/// In the release it has the name that it has in its folder.
fn file(path: String) -> BuiltFile {
    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
    BuiltFile {
        name,
        path,
        media_type: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use baepo_plugin::fake::{Ended, Host};

    use super::*;

    #[test]
    fn what_the_program_makes_is_in_the_release() {
        let host = Host::new().program(["make", "app"], Ended::well("compiled"));
        let config = r#"{"run": ["make", "app"], "files": ["out/bin/app"]}"#;
        let output = host.build::<Plugin>(config).unwrap();
        let file = &output.files[0];
        assert_eq!((&*file.name, &*file.path), ("app", "out/bin/app"));
        let line = host.lines()[0].to_string();
        assert!(line.starts_with("info: building revision="), "{line}");
    }

    #[test]
    fn a_build_that_fails_says_why() {
        let host = Host::new().program(["make"], Ended::badly(2, "no rule for `all`"));
        let why = "`make` failed:\nno rule for `all`".into();
        assert_eq!(host.build::<Plugin>("{}"), Err(HookError::Failed(why)));
    }

    #[test]
    fn without_a_grant_it_says_which_one_it_needs() {
        let denied = Err(HookError::Denied("run: make".into()));
        assert_eq!(Host::new().build::<Plugin>("{}"), denied);
    }
}
