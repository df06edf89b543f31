//! The hook `test`, see `wit/test.wit`.

pub use crate::bindings::test::*;

use crate::config::Config;

/// A plugin that says whether a revision does what it should.
pub trait Test {
    /// Its `with:` block.
    type Config: Config;

    /// Runs the tests once.
    ///
    /// # Errors
    /// Only where there is no report; failing tests are one.
    fn test(config: Self::Config, request: &TestRequest) -> Result<TestReport, HookError>;
}

/// Makes a component with the hook `test` of a type that implements [`Test`].
#[macro_export]
macro_rules! export_test {
    ($type:ty) => {
        $crate::component!(export_test_component, test, $type, {
            fn test(
                request: $crate::test::TestRequest,
            ) -> Result<$crate::test::TestReport, $crate::HookError> {
                let config = $crate::config::parse(&request.config)?;
                <$type as $crate::test::Test>::test(config, &request)
            }
        });
    };
}
