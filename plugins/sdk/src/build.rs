//! The hook `build`, see `wit/build.wit`.

pub use crate::bindings::build::*;

use crate::config::Config;

/// A plugin that turns a revision into artifacts.
pub trait Build {
    /// Its `with:` block.
    type Config: Config;

    /// Builds once.
    ///
    /// # Errors
    /// A mistake in the code is [`HookError::Failed`]; say what matters.
    fn build(config: Self::Config, request: &BuildRequest) -> Result<BuildOutput, HookError>;
}

/// Makes a component with the hook `build` of a type that implements
/// [`Build`].
#[macro_export]
macro_rules! export_build {
    ($type:ty) => {
        $crate::component!(export_build_component, build, $type, {
            fn build(
                request: $crate::build::BuildRequest,
            ) -> Result<$crate::build::BuildOutput, $crate::HookError> {
                let config = $crate::config::parse(&request.config)?;
                <$type as $crate::build::Build>::build(config, &request)
            }
        });
    };
}
