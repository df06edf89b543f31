//! The hook `build`.

use baepo_core::hook::{BuildOutput, BuiltFile};
use baepo_core::release::Revision;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::Hook;
use super::super::bindings::exports::baepo::hooks::build as wit;
use super::super::call::{Answered, CallContext, CallOutcome, HookCall, Refused};
use super::super::load::{Exports, Plugin};
use super::super::state::CallState;
use super::{annotation_bytes, from_annotation, from_hook_error, to_revision};

impl Plugin {
    /// Turn a revision into artifacts. `config` is the `with:` block as JSON.
    pub async fn build(
        &self,
        context: &CallContext,
        config: &str,
        revision: &Revision,
    ) -> CallOutcome<BuildOutput> {
        self.call(context, Build { config, revision }).await
    }
}

struct Build<'a> {
    config: &'a str,
    revision: &'a Revision,
}

impl HookCall for Build<'_> {
    type Answer = BuildOutput;
    const HOOK: Hook = Hook::Build;
    const PURE: bool = false;

    fn function(&self) -> &'static str {
        "build.build"
    }

    async fn ask(
        self,
        exports: &Exports,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Result<Answered<BuildOutput>, Refused> {
        let indices = exports.build.as_ref().ok_or(Refused::NoSuchHook)?;
        let guest = indices.load(&mut *store, instance)?;
        let request = wit::BuildRequest {
            config: self.config.into(),
            revision: to_revision(self.revision),
        };
        let output = guest.call_build(store, &request).await?;
        let output = output.map_err(|error| Refused::Plugin(from_hook_error(error)))?;
        let size_bytes = annotation_bytes(&output.annotations) + files_bytes(&output.files);
        let answer = BuildOutput {
            files: output
                .files
                .into_iter()
                .map(from_file)
                .collect::<Result<_, _>>()?,
            annotations: output
                .annotations
                .into_iter()
                .map(from_annotation)
                .collect(),
        };
        Ok(Answered { answer, size_bytes })
    }
}

fn files_bytes(files: &[wit::BuiltFile]) -> usize {
    files
        .iter()
        .map(|file| file.name.len() + file.path.len() + file.media_type.len())
        .sum::<usize>()
        + size_of_val(files)
}

fn from_file(file: wit::BuiltFile) -> Result<BuiltFile, Refused> {
    let is_name = !file.name.is_empty()
        && !matches!(file.name.as_str(), "." | "..")
        && !file.name.contains(['/', '\\', '\0']);
    if !is_name {
        let name = file.name.escape_debug();
        return Err(Refused::Nonsense(format!("`{name}` is not a file name")));
    }
    let media_type = match file.media_type.as_str() {
        "" => "application/octet-stream".into(),
        _ => file.media_type,
    };
    Ok(BuiltFile {
        name: file.name,
        path: file.path,
        media_type,
    })
}
