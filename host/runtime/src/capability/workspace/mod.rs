//! `workspace`: files of the checkout, by grant, and a folder for each call.
//!
//! All access goes through one directory handle, so that no path, link or `..`
//! leads out of the checkout. `.git` is not there, because credentials are kept
//! in it.

mod checkout;
#[cfg(test)]
mod tests;
mod view;

use std::path::PathBuf;

use cap_std::fs::{OpenOptions, OpenOptionsExt as _};

use super::Capability;
use super::output::FOLDER;
use crate::plugin::bindings::baepo::hooks::workspace as wit;
use crate::plugin::state::CallState;
use checkout::{CAREFULLY, Checkout, io, normalize, open, read_file};
use view::View;
use wit::WorkspaceError as Error;

impl wit::Host for CallState {
    async fn read(
        &mut self,
        path: String,
        limit_bytes: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        self.enter("workspace.read");
        let limit = limit_bytes.min(self.limits().file_bytes);
        let asked = path.clone();
        let result = match mounted(self, &path) {
            Some(view) => view.read(&path, limit).await,
            None => with_checkout(self, move |checkout| checkout.read(&path, limit)).await,
        };
        self.leave();
        if let (Ok(_), Ok(path)) = (&result, normalize(&asked)) {
            self.account().used_paths(Capability::Read, [path.as_str()]);
        }
        Ok(note_denial(self, result))
    }

    async fn read_part(
        &mut self,
        path: String,
        offset_bytes: u64,
        limit_bytes: u64,
    ) -> wasmtime::Result<Result<wit::Part, Error>> {
        self.enter("workspace.read-part");
        let limit = limit_bytes.min(self.limits().file_bytes);
        let asked = path.clone();
        let result = match mounted(self, &path) {
            Some(view) => view.read_part(&path, offset_bytes, limit).await,
            None => {
                let read =
                    move |checkout: &Checkout| checkout.read_part(&path, offset_bytes, limit);
                with_checkout(self, read).await
            }
        };
        self.leave();
        if let (Ok(_), Ok(path)) = (&result, normalize(&asked)) {
            self.account().used_paths(Capability::Read, [path.as_str()]);
        }
        Ok(note_denial(self, result))
    }

    async fn glob(&mut self, pattern: String) -> wasmtime::Result<Result<Vec<wit::Entry>, Error>> {
        self.enter("workspace.glob");
        let result = match mounted(self, &pattern) {
            Some(view) => view.glob(&pattern).await,
            None => with_checkout(self, move |checkout| checkout.glob(&pattern)).await,
        };
        self.leave();
        if let Ok(entries) = &result {
            let paths = entries.iter().map(|entry| entry.path.as_str());
            self.account().used_paths(Capability::Read, paths);
        }
        Ok(note_denial(self, result))
    }

    async fn write(
        &mut self,
        path: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.enter("workspace.write");
        let asked = path.clone();
        let result = with_checkout(self, move |checkout| checkout.write(&path, &content)).await;
        self.leave();
        if let (Ok(()), Ok(path)) = (&result, normalize(&asked)) {
            self.account()
                .used_paths(Capability::Write, [path.as_str()]);
        }
        Ok(note_denial(self, result))
    }

    async fn scratch(&mut self) -> wasmtime::Result<Result<String, Error>> {
        Ok(scratch(self).and_then(|path| {
            let text = path.to_str().map(str::to_string);
            text.ok_or_else(|| Error::Failed("the temporary folder's path is not UTF-8".into()))
        }))
    }

    async fn write_scratch(
        &mut self,
        name: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let folder = match scratch(self) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        Ok(crate::blocking(move || {
            let dir = open(&folder)?;
            let name = normalize(&name)?;
            dir.write(&name, &content).map_err(|error| io(&error))
        })
        .await)
    }

    async fn read_scratch(
        &mut self,
        name: String,
        limit_bytes: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let folder = match scratch(self) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        let limit = limit_bytes.min(self.limits().file_bytes);
        Ok(crate::blocking(move || {
            let dir = open(&folder)?;
            let mut carefully = OpenOptions::new();
            carefully.read(true).custom_flags(CAREFULLY.bits() as i32);
            let file = dir.open_with(normalize(&name)?, &carefully);
            read_file(file.map_err(|error| io(&error))?.into_std(), limit)
        })
        .await)
    }
}

/// What instances write, where this call has it and the path leads there.
fn mounted(state: &CallState, path: &str) -> Option<View> {
    let path = normalize(path).ok()?;
    let rest = path.strip_prefix(FOLDER)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(())?;
    Some(View {
        output: state.output()?,
        permit: state.shared_permit(),
    })
}

/// The folder of this call, made when it is first asked for.
fn scratch(state: &mut CallState) -> Result<PathBuf, Error> {
    state
        .scratch()
        .map_err(|error| Error::Failed(format!("no temporary folder could be made: {error}")))
}

fn note_denial<T>(state: &mut CallState, result: Result<T, Error>) -> Result<T, Error> {
    if let Err(Error::Denied(what)) = &result {
        let (capability, path) = match what.strip_prefix("write ") {
            Some(path) => (Capability::Write, path),
            None => (Capability::Read, what.strip_prefix("read ").unwrap_or(what)),
        };
        let path = path.to_string();
        state.deny(capability, path);
    }
    result
}

async fn with_checkout<T: Send + 'static>(
    state: &mut CallState,
    action: impl FnOnce(&Checkout) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Some(root) = state.checkout() else {
        return Err(Error::Failed("this call has no checkout".into()));
    };
    let permit = state.shared_permit();
    crate::blocking(move || {
        let dir = open(&root)?;
        action(&Checkout { dir, permit })
    })
    .await
}
