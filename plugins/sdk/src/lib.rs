//! Write baepo plugins in Rust.
//!
//! A plugin is a crate with `crate-type = ["cdylib"]`, one type, one trait and
//! one macro. In the order in which one meets them:
//!
//! - [`config::Config`] – what users write under `with:`
//! - one trait per hook – [`build::Build`], [`test::Test`],
//!   [`strategy::Strategy`], [`monitor::Monitor`], [`feedback::Feedback`],
//!   [`target::Guest`]
//! - one macro per hook – [`export_build!`], [`export_test!`],
//!   [`export_strategy!`], [`export_monitor!`], [`export_feedback!`],
//!   [`export_target!`]
//! - capabilities – [`process`], [`workspace`], [`http`], [`secrets`],
//!   [`socket`], [`store`], [`info!`] and its sisters
//! - [`fake`] – a host for ordinary unit tests: a whole call of a hook, with
//!   made-up files, programs and answers, and a row of looks for monitors
//! - [`rehearsal`] – drive a strategy to its end in an ordinary unit test
//!
//! ```
//! use baepo_plugin::strategy::{Decision, Directive, Progress, Scale, Strategy, View};
//! use baepo_plugin::{HookError, config::{Config, Fields}};
//!
//! struct Nothing;
//! impl Config for Nothing {
//!     fn read(_: &mut Fields) -> Nothing { Nothing }
//! }
//!
//! struct Careless;
//! impl Strategy for Careless {
//!     type Config = Nothing;
//!     fn decide(_: Nothing, view: &View) -> Result<Decision, HookError> {
//!         let n = view.instances;
//!         Ok(Decision {
//!             memory: vec![],
//!             directive: Directive::Scale(Scale { stable: n, candidate: n }),
//!             progress: Progress { step: 1, of: 1 },
//!             reason: "starting everything again and again".into(),
//!         })
//!     }
//! }
//! baepo_plugin::export_strategy!(Careless);
//! ```
//!
//! If you want raw WIT types, go to [`bindings`]; if you write in another
//! language, go to `wit/`. The plugins beside this crate are meant to be copied.

pub mod bindings;
pub mod build;
pub mod config;
#[cfg(not(target_arch = "wasm32"))]
pub mod fake;
pub mod feedback;
pub mod http;
pub mod log;
pub mod monitor;
pub mod process;
#[cfg(not(target_arch = "wasm32"))]
pub mod rehearsal;
pub mod secrets;
pub mod socket;
pub mod store;
pub mod strategy;
pub mod target;
pub mod test;
pub mod text;
pub mod units;
pub mod workspace;

pub use bindings::imports::types::{
    Annotation, Artifact, ConfigProblem, Fleet, HookError, Level, Release, Revision, Role,
    RoleFleet, Verdict,
};

/// For plugins that write JSON, or read what is not a `with:` block.
pub use serde_json;

/// Makes a component of a type: the generated trait of a hook, implemented by
/// parsing the configuration and calling the plugin, and its exports. The
/// latter only for the guest target, so that plugins have native unit tests.
#[doc(hidden)]
#[macro_export]
macro_rules! component {
    ($export:ident, $module:ident, $type:ty, { $($functions:tt)* }) => {
        #[allow(dead_code, reason = "only the exports use it")]
        #[allow(unsafe_code, reason = "the canonical ABI exports functions by name")]
        const _: () = {
            struct Component;
            impl $crate::bindings::$module::Guest for Component { $($functions)* }
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::$module::$export!(Component with_types_in $crate::bindings::$module);
        };
    };
}
