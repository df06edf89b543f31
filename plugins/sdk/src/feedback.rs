//! The hook `feedback`, see `wit/feedback.wit`.

pub use crate::bindings::feedback::*;

use crate::config::Config;

/// A plugin that adds to the report of a rollout.
pub trait Feedback {
    /// Its `with:` block.
    type Config: Config;

    /// Sections for the report, most important first.
    ///
    /// # Errors
    /// An error leaves the report without its sections.
    fn respond(config: Self::Config, request: &FeedbackRequest) -> Result<Vec<Section>, HookError>;
}

/// Makes a component with the hook `feedback` of a type that implements
/// [`Feedback`].
#[macro_export]
macro_rules! export_feedback {
    ($type:ty) => {
        $crate::component!(export_feedback_component, feedback, $type, {
            fn respond(
                request: $crate::feedback::FeedbackRequest,
            ) -> Result<Vec<$crate::feedback::Section>, $crate::HookError> {
                let config = $crate::config::parse(&request.config)?;
                <$type as $crate::feedback::Feedback>::respond(config, &request)
            }
        });
    };
}
