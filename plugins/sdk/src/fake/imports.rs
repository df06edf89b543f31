//! The imports of a plugin outside the sandbox: the same names and signatures
//! as the bindings have, with the fake host of the call behind them.
//! `crate::bindings::imports` are these natively, and the bindings in a
//! component.

#![allow(
    missing_docs,
    reason = "as the bindings, whose documentation is `wit/`"
)]

use super::wit;

pub mod http {
    pub use super::wit::http::*;

    pub fn send(request: &Request<'_>) -> Result<Response, HttpError> {
        super::super::current("send an HTTP request").send(request)
    }
}

pub mod log {
    pub use super::wit::log::*;

    pub fn log(level: LogLevel, message: &str, fields: &[(String, String)]) {
        if let Some(host) = super::super::innermost() {
            host.write_line(level, message, fields);
        }
    }
}

pub mod process {
    pub use super::wit::process::*;

    pub fn run(command: &Command<'_>) -> Result<Output, ProcessError> {
        super::super::current("run a program").start(command)
    }
}

pub mod secrets {
    pub use super::super::secrets::Secret;
    pub use super::wit::secrets::SecretError;

    pub fn open(name: &str) -> Result<Secret, SecretError> {
        super::super::current("use a secret").open(name)
    }
}

pub mod socket {
    pub use super::wit::socket::*;

    pub fn exchange(endpoint: &str, bytes: &[u8], limits: Limits) -> Result<Vec<u8>, SocketError> {
        super::super::current("speak to an endpoint").exchange(endpoint, bytes, limits)
    }
}

pub mod store {
    pub use super::wit::store::*;

    pub fn load() -> Result<Document, StoreError> {
        super::super::current("load its state").load()
    }

    pub fn save(expected_version: u64, bytes: &[u8]) -> Result<u64, StoreError> {
        super::super::current("save its state").save(expected_version, bytes)
    }
}

pub mod workspace {
    pub use super::wit::workspace::*;

    pub fn read(path: &str, limit_bytes: u64) -> Result<Vec<u8>, WorkspaceError> {
        super::super::current("read a file").of_files(|files| files.read(path, limit_bytes))
    }

    pub fn read_part(
        path: &str,
        offset_bytes: u64,
        limit_bytes: u64,
    ) -> Result<Part, WorkspaceError> {
        super::super::current("read a file")
            .of_files(|files| files.read_part(path, offset_bytes, limit_bytes))
    }

    pub fn glob(pattern: &str) -> Result<Vec<Entry>, WorkspaceError> {
        super::super::current("list files").of_files(|files| files.glob(pattern))
    }

    pub fn write(path: &str, content: &[u8]) -> Result<(), WorkspaceError> {
        super::super::current("write a file").of_files(|files| files.write(path, content))
    }

    pub fn scratch() -> Result<String, WorkspaceError> {
        super::super::current("have a scratch folder")
            .of_files(|_| Ok(super::super::files::SCRATCH.into()))
    }

    pub fn write_scratch(name: &str, content: &[u8]) -> Result<(), WorkspaceError> {
        super::super::current("write a file").of_files(|files| files.write_scratch(name, content))
    }

    pub fn read_scratch(name: &str, limit_bytes: u64) -> Result<Vec<u8>, WorkspaceError> {
        super::super::current("read a file").of_files(|files| files.read_scratch(name, limit_bytes))
    }
}
