//! What a plugin may ask the host to do: one file per import of `wit/`.
//!
//! Every import of a world is always linked; without a grant a call answers
//! `denied` and leaves a [`Denial`] in the outcome of the hook call, which
//! knows who lacked it and the line that would allow it. [`grants`] is what the
//! user's file gives, [`permit`] what is left of that within the plugin's
//! wishes and the organisation's [`policy`], [`address`] decides who may be
//! talked to, [`output`] what a monitor reads of its rollout, [`environment`] what a program that a plugin runs may know.
//! [`Outside`] is what lies behind.

pub(crate) mod account;
pub mod address;
pub mod connect;
pub mod environment;
pub mod grants;
pub mod http;
pub mod log;
pub mod moved;
pub mod output;
pub mod permit;
pub mod policy;
pub mod process;
pub mod redact;
pub mod secrets;
pub mod socket;
pub mod store;
pub mod uses;
pub(crate) mod workspace;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use connect::{Resolve, SystemResolver};
use grants::Grants;
use http::proxy::Proxies;
use process::Confinement;
use secrets::SecretVault;

/// What of the outside a call can reach through the host, as far as it is
/// granted. The default has no secrets, no proxies, and does not confine
/// programs.
#[derive(Default)]
pub struct Outside {
    /// Secrets, and what is hidden in all that is said.
    pub secrets: SecretVault,
    /// How the network is reached.
    pub network: Network,
    /// How programs are held in.
    pub programs: Confinement,
}

/// How the network is reached.
#[derive(Clone)]
pub struct Network {
    /// Finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// The operator's proxies.
    pub proxies: Proxies,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            resolver: Arc::new(SystemResolver),
            proxies: Proxies::default(),
        }
    }
}
use permit::{LayerKind, Permit};

/// Something that needs a grant; the key under `allow:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Run a program.
    Run,
    /// Talk to an address.
    Net,
    /// Read a file of the checkout.
    Read,
    /// Write a file of the checkout.
    Write,
    /// Hand a variable of the host to a program.
    Env,
    /// Use a secret.
    Secrets,
    /// Talk to a listed socket.
    Socket,
    /// Keep the state of a target.
    Store,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 8] = [
        Capability::Run,
        Capability::Net,
        Capability::Read,
        Capability::Write,
        Capability::Env,
        Capability::Secrets,
        Capability::Socket,
        Capability::Store,
    ];

    /// The key under `allow:`.
    pub const fn key(self) -> &'static str {
        match self {
            Capability::Run => "run",
            Capability::Net => "net",
            Capability::Read => "read",
            Capability::Write => "write",
            Capability::Env => "env",
            Capability::Secrets => "secrets",
            Capability::Socket => "socket",
            Capability::Store => "store",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A call that was answered `denied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Denial {
    /// What was missing.
    pub capability: Capability,
    /// For what: a program, path, address or name.
    pub target: String,
    /// Who did not cover it.
    #[serde(default)]
    pub lacked: Vec<LayerKind>,
}

impl Denial {
    /// The `allow:` line that would allow this beside what is allowed now.
    /// `None` where no grant would help.
    pub fn allow_line(&self, present: &Grants) -> Option<String> {
        present
            .with(self)
            .map(|grants| format!("allow: {{ {grants} }}"))
    }

    /// What to do, to be put behind the denial; empty where nothing helps.
    pub fn advice(&self, permit: &Permit) -> String {
        let mut text = String::new();
        if self.lacked.contains(&LayerKind::Wishes) {
            text.push_str("; the plugin does not state it among its wishes");
        }
        let is_policy = self.lacked.contains(&LayerKind::Policy);
        if is_policy {
            text.push_str("; the policy of your organisation (BAEPO_POLICY) does not allow it");
        }
        let is_enough = self.lacked == [LayerKind::Allow];
        if let Some(line) = self
            .allow_line(permit.allow())
            .filter(|_| self.lacked.contains(&LayerKind::Allow))
        {
            let lead = match is_enough {
                true => "to allow it",
                false => "it would also need",
            };
            text.push_str(&format!("; {lead}: {line}"));
        }
        text
    }
}

/// What was denied last, and what would allow it, to be put behind what came of
/// it; empty where nothing was denied.
pub fn advice(denials: &[Denial], permit: &Permit) -> String {
    denials.last().map_or(String::new(), |denial| {
        format!("; it was denied {denial}{}", denial.advice(permit))
    })
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.capability, self.target)
    }
}
