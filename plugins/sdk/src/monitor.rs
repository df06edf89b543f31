//! The hook `monitor`, see `wit/monitor.wit`.

pub use crate::bindings::imports::types::{Histogram, Telemetry};
pub use crate::bindings::monitor::*;

use crate::config::Config;

/// A plugin that judges a candidate.
pub trait Monitor {
    /// Its `with:` block.
    type Config: Config;

    /// What it can judge with this configuration. Must not look outside.
    ///
    /// # Errors
    /// [`HookError::InvalidConfig`]; the block itself was parsed already.
    fn describe(config: Self::Config) -> Result<Capability, HookError>;

    /// Looks once.
    ///
    /// # Errors
    /// Any error is an inconclusive verdict.
    fn observe(config: Self::Config, request: &ObserveRequest) -> Result<Observation, HookError>;
}

/// Makes a component with the hook `monitor` of a type that implements
/// [`Monitor`].
#[macro_export]
macro_rules! export_monitor {
    ($type:ty) => {
        $crate::component!(export_monitor_component, monitor, $type, {
            fn describe(config: String) -> Result<$crate::monitor::Capability, $crate::HookError> {
                let config = $crate::config::parse(&config)?;
                <$type as $crate::monitor::Monitor>::describe(config)
            }

            fn observe(
                request: $crate::monitor::ObserveRequest,
            ) -> Result<$crate::monitor::Observation, $crate::HookError> {
                let config = $crate::config::parse(&request.config)?;
                <$type as $crate::monitor::Monitor>::observe(config, &request)
            }
        });
    };
}
