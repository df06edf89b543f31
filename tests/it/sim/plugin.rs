//! The four first-party strategies as they are shipped: components, asked
//! through the plugin host. They are pure, so that an answer is kept by what
//! was asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use baepo_core::digest::Digest;
use baepo_core::rollout::{Decision, View};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallContext, HostOptions, Plugin, PluginHost, PluginSource};
use sha2::{Digest as _, Sha256};

/// One component and all that it ever answered.
pub(crate) struct Component {
    runtime: tokio::runtime::Runtime,
    plugin: Plugin,
    answers: RefCell<HashMap<String, Result<Decision, String>>>,
}

impl Component {
    pub(crate) fn load(name: &str) -> anyhow::Result<Component> {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
        let bytes = std::fs::read(dist.join(format!("{name}.wasm")))?;
        let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let host = PluginHost::new(HostOptions::default())?;
        let grants = Grants::default();
        let source = PluginSource {
            name,
            bytes: &bytes,
            digest,
            grants,
            limits: None,
        };
        let plugin = runtime.block_on(host.load(source))?;
        Ok(Component {
            runtime,
            plugin,
            answers: RefCell::default(),
        })
    }

    pub(crate) fn decide(&self, view: &View) -> Result<Decision, String> {
        let asked = serde_json::to_string(view).map_err(|error| error.to_string())?;
        if let Some(answer) = self.answers.borrow().get(&asked) {
            return answer.clone();
        }
        let context = CallContext::bare();
        let outcome = self.runtime.block_on(self.plugin.decide(&context, view));
        let answer = outcome.result.map_err(|error| error.to_string());
        self.answers.borrow_mut().insert(asked, answer.clone());
        answer
    }
}
