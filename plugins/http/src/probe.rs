//! One look at the instances of a role.

use baepo_plugin::HookError;
use baepo_plugin::http::{self, HttpError, Response};
use baepo_plugin::text::line;

use crate::Send;
use crate::config::{Expect, Http};

/// The largest answer to a probe, in bytes.
const MOST_BYTES: u64 = 256 * 1024;

/// What the probes of one role may take together, in microseconds: two roles
/// must fit into the 10 s that a call may take.
const MOST_SPENT_US: u64 = 4_000_000;

/// The most kinds of failures that are told.
const MOST_KINDS: usize = 3;

/// What came of the probes of one role in one look.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Probed {
    /// Probes that have a result.
    pub(crate) asked: u64,
    /// Of them: no answer in time, or one that is not as expected.
    pub(crate) failed: u64,
    /// Answers of any kind, and probes whose time was over.
    pub(crate) timed: u64,
    /// Of them: took longer than `max-latency`.
    pub(crate) slow: u64,
    /// Kinds of failures and how often each was seen; at most three kinds.
    pub(crate) kinds: Vec<(String, u64)>,
    /// How long the answers took, in microseconds, as they came.
    pub(crate) took_us: Vec<u64>,
}

/// Asks, within the time of a call.
pub(crate) struct Prober<'a> {
    config: &'a Http,
    send: Send<'a>,
}

impl<'a> Prober<'a> {
    pub(crate) fn new(config: &'a Http, send: Send<'a>) -> Prober<'a> {
        Prober { config, send }
    }

    /// Asks the instances in turn; `before` is how many probes there were, so
    /// that the turns go on where they ended.
    ///
    /// # Errors
    /// A missing grant.
    pub(crate) fn ask(&mut self, endpoints: &[String], before: u64) -> Result<Probed, HookError> {
        let mut probed = Probed::default();
        if endpoints.is_empty() {
            return Ok(probed);
        }
        let timeout_us = self.config.timeout.0 * 1_000;
        let mut spent_us = 0;
        for turn in 0..self.config.probes {
            if spent_us + timeout_us > MOST_SPENT_US {
                break;
            }
            let at = (before + turn) % endpoints.len() as u64;
            let base = endpoints[at as usize].trim_end_matches('/');
            let url = format!("{base}{}", self.config.path);
            let request = http::get(url, self.config.timeout.0, MOST_BYTES);
            let answer = (self.send)(request);
            spent_us += match &answer {
                Ok(response) => response.duration_us,
                Err(HttpError::Timeout) => timeout_us,
                // Refused at once, or broken at some time that is not known.
                Err(_) => timeout_us / 10,
            };
            if !probed.add(self.config, base, answer)? {
                break;
            }
        }
        Ok(probed)
    }
}

impl Probed {
    /// Adds one answer; whether there may be a next probe.
    fn add(
        &mut self,
        config: &Http,
        base: &str,
        answer: Result<Response, HttpError>,
    ) -> Result<bool, HookError> {
        let most_us = config.latency.map(|latency| latency.most.0 * 1_000);
        match answer {
            // Says nothing of the instance.
            Err(HttpError::Limit(_)) => return Ok(false),
            Err(error) => {
                if error == HttpError::Timeout {
                    self.timed += 1;
                    self.slow += 1;
                }
                let why = http::explain(error)?;
                self.fail(&why, base);
            }
            Ok(response) => {
                self.timed += 1;
                self.slow += u64::from(most_us.is_some_and(|most| response.duration_us > most));
                self.took_us.push(response.duration_us);
                if let Some(why) = config.expect.complaint(&response) {
                    self.fail(&why, base);
                }
            }
        }
        self.asked += 1;
        Ok(true)
    }

    fn fail(&mut self, why: &str, base: &str) {
        self.failed += 1;
        let kind = line(&format!("{base}: {why}"), 160);
        if let Some((_, times)) = self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            *times += 1;
        } else if self.kinds.len() < MOST_KINDS {
            self.kinds.push((kind, 1));
        }
    }
}

impl Expect {
    /// What is wrong with an answer.
    fn complaint(&self, response: &Response) -> Option<String> {
        let status = response.status;
        let is_range = |&(first, last): &(u16, u16)| (first..=last).contains(&status);
        if !self.statuses.iter().any(is_range) {
            return Some(format!("status {status}"));
        }
        let wanted = self.body.as_deref()?;
        let is_there = response
            .body
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes());
        (!is_there).then(|| format!("status {status}, but the expected text is not in the body"))
    }
}
