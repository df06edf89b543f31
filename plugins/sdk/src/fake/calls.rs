//! Whole calls, from the text of a `with:` block to the answer.

use super::{Host, revision};
use crate::HookError;
use crate::build::{Build, BuildOutput, BuildRequest};
use crate::config::parse;
use crate::feedback::{Feedback, FeedbackRequest, Section};
use crate::monitor::{Monitor, Observation, ObserveRequest};
use crate::test::{Test, TestReport, TestRequest};

impl Host {
    /// Builds [`revision`] with this `with:` block, as JSON.
    ///
    /// # Errors
    /// Those of the configuration, and those of the plugin.
    pub fn build<P: Build>(&self, config: &str) -> Result<BuildOutput, HookError> {
        let request = BuildRequest {
            config: config.into(),
            revision: revision(),
        };
        self.run(|| P::build(parse(config)?, &request))
    }

    /// Tests [`revision`] with this `with:` block, as JSON.
    ///
    /// # Errors
    /// Those of the configuration, and those of the plugin.
    pub fn test<P: Test>(&self, config: &str) -> Result<TestReport, HookError> {
        self.verify::<P>(config, &[])
    }

    /// Tests a running candidate at these base addresses.
    ///
    /// # Errors
    /// Those of the configuration, and those of the plugin.
    pub fn verify<P: Test>(
        &self,
        config: &str,
        endpoints: &[&str],
    ) -> Result<TestReport, HookError> {
        let request = TestRequest {
            config: config.into(),
            revision: revision(),
            endpoints: endpoints.iter().map(|&address| address.into()).collect(),
        };
        self.run(|| P::test(parse(config)?, &request))
    }

    /// Looks once; see [`super::look_request`]. For several looks there is
    /// [`super::Looks`].
    ///
    /// # Errors
    /// Those of the configuration, and those of the plugin.
    pub fn observe<P: Monitor>(&self, request: &ObserveRequest) -> Result<Observation, HookError> {
        self.run(|| P::observe(parse(&request.config)?, request))
    }

    /// Asks for sections of the report; see [`super::feedback_request`].
    ///
    /// # Errors
    /// Those of the configuration, and those of the plugin.
    pub fn respond<P: Feedback>(
        &self,
        request: &FeedbackRequest,
    ) -> Result<Vec<Section>, HookError> {
        self.run(|| P::respond(parse(&request.config)?, request))
    }
}
