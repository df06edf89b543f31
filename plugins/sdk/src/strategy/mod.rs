//! The hook `strategy`, see `wit/strategy.wit`: the next step of a rollout.
//!
//! Most strategies are a list of steps that is known beforehand; write those
//! as a [`Program`]. Those that react to what they see, use [`Patience`] for
//! their waits and look at the view for everything else.

mod patience;
mod program;

pub use crate::bindings::strategy::*;
pub use patience::{Patience, Waited};
pub use program::{Act, Program};

use crate::config::Config;

/// A plugin that decides the next step of a rollout.
///
/// A pure function: the same view gives the same decision, byte for byte.
pub trait Strategy {
    /// Its `with:` block.
    type Config: Config;

    /// Decides the next step.
    ///
    /// # Errors
    /// [`HookError::InvalidConfig`] where the configuration does not go with
    /// the view's limits: the host plans before it acts, so users see it
    /// before anything has changed.
    fn decide(config: Self::Config, view: &View) -> Result<Decision, HookError>;
}

/// Makes a component with the hook `strategy` of a type that implements
/// [`Strategy`].
#[macro_export]
macro_rules! export_strategy {
    ($type:ty) => {
        $crate::component!(export_strategy_component, strategy, $type, {
            fn decide(
                view: $crate::strategy::View,
            ) -> Result<$crate::strategy::Decision, $crate::HookError> {
                let config = $crate::config::parse(&view.config)?;
                <$type as $crate::strategy::Strategy>::decide(config, &view)
            }
        });
    };
}

/// `1 instance`, `3 instances`.
pub fn instances(count: u32) -> String {
    match count {
        1 => "1 instance".into(),
        count => format!("{count} instances"),
    }
}

/// Checks that n more instances are allowed, as strategies need that start
/// the candidate beside a whole stable release. The text is a fragment.
///
/// # Errors
/// What does not fit, naming both numbers.
pub fn check_surge(view: &View, candidates: u32) -> Result<(), String> {
    let surge = view.limits.max_surge;
    if candidates <= surge {
        return Ok(());
    }
    Err(format!(
        "needs {} beside the {} that serve, but the environment's `max-surge` allows {surge}; \
         raise it or use `rolling`",
        instances(candidates),
        view.instances,
    ))
}
