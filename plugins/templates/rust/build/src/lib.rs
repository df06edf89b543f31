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
        process::run(&process::command(&run))?;
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
    use super::*;

    #[test]
    fn a_file_has_no_folders_in_the_release() {
        assert_eq!(file("out/bin/app".into()).name, "app");
        assert_eq!(file("app".into()).name, "app");
    }
}
