//! A row of looks for monitors.

use super::{Host, look_request, telemetry};
use crate::config::parse;
use crate::monitor::{Monitor, Observation, Phase, Telemetry};
use crate::units::{Millis, Percent};
use crate::{HookError, Verdict};

/// How much a monitor may keep, in bytes; the real host refuses more.
const MOST_MEMORY: usize = 16 * 1024;
/// How many points of a plot the real host keeps.
const MOST_SAMPLES: usize = 60;

/// A script of looks at a rollout. Each look gets what the last one kept, at the
/// time that it would be. Not in components.
///
/// [`Looks::candidate`] and its sisters add a look; all other methods say how it
/// is from there on.
///
/// ```
/// # use baepo_plugin::monitor::*;
/// # use baepo_plugin::{HookError, Verdict, config::{Config, Fields}};
/// # struct Limit(u64);
/// # impl Config for Limit { fn read(f: &mut Fields) -> Limit { Limit(f.or("limit", 0)) } }
/// # struct Failures;
/// # impl Monitor for Failures {
/// #     type Config = Limit;
/// #     fn describe(_: Limit) -> Result<Capability, HookError> {
/// #         Ok(Capability { phases: vec![Phase::Ramp] })
/// #     }
/// #     fn observe(limit: Limit, look: &ObserveRequest) -> Result<Observation, HookError> {
/// #         let seen = look.candidate.telemetry.as_ref().unwrap();
/// #         let verdict = match (seen.requests, seen.failures > limit.0) {
/// #             (0, _) => Verdict::Inconclusive,
/// #             (_, true) => Verdict::Failing,
/// #             (_, false) => Verdict::Healthy,
/// #         };
/// #         Ok(Observation { memory: vec![], verdict, reason: "counted".into(),
/// #             measurements: vec![], findings: vec![] })
/// #     }
/// # }
/// use baepo_plugin::fake::Looks;
///
/// let looks = Looks::of(r#"{"limit": 3}"#);
/// let verdicts = looks.candidate(0, 0).candidate(100, 3).candidate(100, 4).verdicts::<Failures>();
/// assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Healthy, Verdict::Failing]);
/// ```
pub struct Looks {
    config: String,
    host: Host,
    circumstances: Look,
    script: Vec<Look>,
    window: u32,
}

/// What one look sees.
#[derive(Clone)]
struct Look {
    every: Millis,
    phase: Phase,
    window: u32,
    is_last: bool,
    share: Option<Percent>,
    has_stable: bool,
    stable: Option<Telemetry>,
    stable_before: Option<Telemetry>,
    candidate: Option<Telemetry>,
    stable_endpoints: Vec<String>,
    endpoints: Vec<String>,
}

/// How long the requests take that are only counted.
const ORDINARY: Millis = Millis(20);

impl Looks {
    /// No looks yet, with this `with:` block as JSON. A look every 10 s, while
    /// both releases carry traffic, at a stable release that gets no requests.
    pub fn of(config: &str) -> Looks {
        Looks {
            config: config.into(),
            host: Host::new(),
            circumstances: Look {
                every: Millis::seconds(10),
                phase: Phase::Ramp,
                window: 1,
                is_last: false,
                share: None,
                has_stable: true,
                stable: Some(telemetry(0, 0, ORDINARY)),
                stable_before: None,
                candidate: None,
                stable_endpoints: Vec::new(),
                endpoints: Vec::new(),
            },
            script: Vec::new(),
            window: 1,
        }
    }

    /// Where the monitor asks for more than it is told: files, HTTP, programs.
    /// What these take moves the time of the next look.
    pub fn on(mut self, host: &Host) -> Looks {
        self.host = host.clone();
        self
    }

    /// How often is looked.
    ///
    /// # Panics
    /// Where that is no time.
    pub fn every(mut self, every: Millis) -> Looks {
        assert!(every > Millis(0), "a look comes after another");
        self.circumstances.every = every;
        self
    }

    /// What part of the rollout it is.
    pub fn phase(mut self, phase: Phase) -> Looks {
        self.circumstances.phase = phase;
        self
    }

    /// The candidate's share of traffic.
    pub fn share(mut self, share: Percent) -> Looks {
        self.circumstances.share = Some(share);
        self
    }

    /// There is no stable release: a first install.
    pub fn no_stable(mut self) -> Looks {
        self.circumstances.has_stable = false;
        self.circumstances.stable = None;
        self
    }

    /// What stable measures between two looks: requests and failures, all of
    /// ordinary latency.
    pub fn stable(self, requests: u64, failures: u64) -> Looks {
        self.stable_measured(Some(telemetry(requests, failures, ORDINARY)))
    }

    /// What stable measures between two looks; `None` where the target measures
    /// nothing.
    pub fn stable_measured(mut self, telemetry: Option<Telemetry>) -> Looks {
        self.circumstances.has_stable = true;
        self.circumstances.stable = telemetry;
        self
    }

    /// What stable measured before the candidate got traffic.
    pub fn stable_before(mut self, requests: u64, failures: u64) -> Looks {
        self.circumstances.stable_before = Some(telemetry(requests, failures, ORDINARY));
        self
    }

    /// Base addresses of stable's and the candidate's instances. A host must
    /// grant that they are asked, for example by [`Host::answer_with`].
    pub fn endpoints(mut self, stable: &[&str], candidate: &[&str]) -> Looks {
        let texts = |list: &[&str]| list.iter().map(|&address| address.into()).collect();
        self.circumstances.stable_endpoints = texts(stable);
        self.circumstances.endpoints = texts(candidate);
        self
    }

    /// The look before was the last one of its window, and the next one is in
    /// another.
    pub fn window_ends(mut self) -> Looks {
        if let Some(look) = self.script.last_mut() {
            look.is_last = true;
        }
        self.window += 1;
        self
    }

    /// Adds a look at so many of the candidate's requests since the last one, of
    /// which so many failed, all of ordinary latency.
    pub fn candidate(self, requests: u64, failures: u64) -> Looks {
        self.candidate_measured(Some(telemetry(requests, failures, ORDINARY)))
    }

    /// Adds a look at what the candidate measured since the last one; `None`
    /// where the target measures nothing.
    pub fn candidate_measured(mut self, telemetry: Option<Telemetry>) -> Looks {
        self.script.push(Look {
            window: self.window,
            candidate: telemetry,
            ..self.circumstances.clone()
        });
        self
    }

    /// Adds so many looks like the one before.
    pub fn again(mut self, times: usize) -> Looks {
        if let Some(look) = self.script.last().cloned() {
            self.script.extend(vec![look; times]);
        }
        self
    }

    /// The verdicts, look by look. An error is an inconclusive one, as in real
    /// life.
    ///
    /// # Panics
    /// As [`Looks::run`].
    pub fn verdicts<M: Monitor>(self) -> Vec<Verdict> {
        let verdict = |answer: Result<Observation, HookError>| {
            answer.map_or(Verdict::Inconclusive, |observation| observation.verdict)
        };
        self.run::<M>().into_iter().map(verdict).collect()
    }

    /// What the last look came to.
    ///
    /// # Panics
    /// As [`Looks::run`], where it was an error, and where there is no look.
    pub fn last<M: Monitor>(self) -> Observation {
        match self.run::<M>().pop() {
            Some(Ok(observation)) => observation,
            Some(Err(error)) => panic!("the last look came to an error: {error:?}"),
            None => panic!("there is no look; add one, for example with `.candidate(100, 0)`"),
        }
    }

    /// Looks, and doubts each answer as `baepo plugin check` does. After an error
    /// memory is as before.
    ///
    /// # Panics
    /// Where an answer is one that the real host refuses or cuts, or a healthy
    /// verdict is based on nothing; where `describe` says no, or that it cannot
    /// judge in such a phase.
    pub fn run<M: Monitor>(self) -> Vec<Result<Observation, HookError>> {
        let described = self.host.run(|| M::describe(parse(&self.config)?));
        let phases = match described {
            Ok(capability) => capability.phases,
            Err(error) => panic!("`describe` says: {error:?}"),
        };
        let mut state = State {
            memory: Vec::new(),
            window: 1,
            window_began: self.host.elapsed(),
            last: self.host.elapsed(),
            requests: 0,
        };
        let mut answers = Vec::new();
        for (i, look) in self.script.iter().enumerate() {
            assert!(
                phases.contains(&look.phase),
                "look {} is in the {:?}, in which this monitor cannot judge and is not asked",
                i + 1,
                look.phase
            );
            let answer = self.look::<M>(look, &mut state);
            if let Ok(observation) = &answer {
                check(i + 1, observation);
                state.memory.clone_from(&observation.memory);
            }
            answers.push(answer);
        }
        answers
    }

    fn look<M: Monitor>(&self, look: &Look, state: &mut State) -> Result<Observation, HookError> {
        if look.window != state.window {
            (state.window, state.window_began) = (look.window, self.host.elapsed());
            state.last = state.window_began;
        }
        // A look that took longer than the next is away is followed at once.
        let due = state.last.0 + look.every.0;
        self.host
            .wait(Millis(due.saturating_sub(self.host.elapsed().0)));
        let now = self.host.elapsed();
        let mut request = look_request(&self.config);
        request.memory.clone_from(&state.memory);
        request.phase = look.phase;
        request.window = look.window;
        request.window_elapsed_ms = now.0 - state.window_began.0;
        request.since_last_look_ms = now.0 - state.last.0;
        request.last_look = look.is_last;
        request.weight_basis_points = look.share.map(|share| share.0);
        request.stable_before.clone_from(&look.stable_before);
        request.now_ms = self.host.now_ms();
        request.candidate.telemetry.clone_from(&look.candidate);
        request.candidate.endpoints.clone_from(&look.endpoints);
        request.stable = request.stable.filter(|_| look.has_stable);
        if let Some(stable) = &mut request.stable {
            stable.telemetry.clone_from(&look.stable);
            stable.endpoints.clone_from(&look.stable_endpoints);
        }
        state.last = now;
        state.requests += look.candidate.as_ref().map_or(0, |seen| seen.requests);
        let asked = self.host.world().asked;
        let answer = self.host.observe::<M>(&request);
        if self.host.world().asked == asked {
            let again = self.host.observe::<M>(&request);
            assert_eq!(answer, again, "the same look must give the same answer");
        }
        let has_evidence = state.requests > 0 || self.host.has_told();
        let is_healthy = matches!(&answer, Ok(said) if said.verdict == Verdict::Healthy);
        assert!(
            has_evidence || !is_healthy,
            "healthy without evidence: there was no request, and the host told nothing"
        );
        answer
    }
}

/// Where a row of looks stands.
struct State {
    memory: Vec<u8>,
    window: u32,
    window_began: Millis,
    last: Millis,
    requests: u64,
}

fn check(number: usize, said: &Observation) {
    let size = said.memory.len();
    assert!(
        size <= MOST_MEMORY,
        "look {number} keeps {size} bytes, and at most {MOST_MEMORY} are kept"
    );
    assert!(
        !said.reason.is_empty(),
        "look {number}: people want a reason"
    );
    for measurement in &said.measurements {
        let name = &measurement.name;
        let points = measurement.samples.iter();
        let points = points.flat_map(|sample| [sample.stable, sample.candidate]);
        let numbers = [measurement.stable, measurement.candidate, measurement.limit];
        let mut numbers = points.chain(numbers).flatten();
        assert!(
            numbers.all(f64::is_finite),
            "look {number}: `{name}` has a value that is no number; leave it out"
        );
        assert!(
            measurement.samples.len() <= MOST_SAMPLES,
            "look {number}: `{name}` has more than {MOST_SAMPLES} samples"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Fields};
    use crate::fake::Answer;
    use crate::http;
    use crate::monitor::{Capability, ObserveRequest};

    /// Keeps one line per look.
    struct Diary;

    struct Asks(bool);

    impl Config for Asks {
        fn read(fields: &mut Fields) -> Asks {
            Asks(fields.or("asks", false))
        }
    }

    impl Monitor for Diary {
        type Config = Asks;

        fn describe(_: Asks) -> Result<Capability, HookError> {
            let phases = vec![Phase::Ramp, Phase::Bake];
            Ok(Capability { phases })
        }

        fn observe(Asks(asks): Asks, look: &ObserveRequest) -> Result<Observation, HookError> {
            if asks {
                let request = http::get("http://127.0.0.1:9/".into(), 15_000, 9);
                let _ = http::send(&request);
            }
            let requests = look.candidate.telemetry.as_ref().map(|seen| seen.requests);
            if requests == Some(13) {
                return Err(HookError::Failed("superstition".into()));
            }
            let line = format!(
                "{}.{} +{} {:?}{}\n",
                look.window,
                look.window_elapsed_ms / 1_000,
                look.since_last_look_ms / 1_000,
                requests,
                if look.last_look { " last" } else { "" },
            );
            Ok(Observation {
                memory: [&look.memory[..], line.as_bytes()].concat(),
                verdict: match requests {
                    Some(0) | None => Verdict::Inconclusive,
                    Some(_) => Verdict::Healthy,
                },
                reason: "it is written".into(),
                measurements: Vec::new(),
                findings: Vec::new(),
            })
        }
    }

    fn diary(looks: Looks) -> String {
        String::from_utf8(looks.last::<Diary>().memory).unwrap()
    }

    #[test]
    fn memory_and_time_go_from_look_to_look() {
        let looks = Looks::of("{}")
            .candidate(5, 0)
            .candidate_measured(None)
            .window_ends()
            .every(Millis::seconds(3))
            .candidate(7, 0)
            .again(1);
        assert_eq!(
            diary(looks),
            "1.10 +10 Some(5)\n1.20 +10 None last\n2.3 +3 Some(7)\n2.6 +3 Some(7)\n"
        );
    }

    #[test]
    fn what_a_look_takes_delays_the_next_one() {
        let host = Host::new().answer(
            "GET",
            "http://127.0.0.1:9/",
            Answer::from("").after(Millis::seconds(30)),
        );
        let looks = Looks::of(r#"{"asks": true}"#).on(&host);
        let looks = looks.every(Millis::seconds(4)).candidate(5, 0).again(1);
        // The real host ends an exchange after 10 s.
        assert_eq!(diary(looks), "1.4 +4 Some(5)\n1.14 +10 Some(5)\n");
    }

    #[test]
    fn after_an_error_memory_is_as_before() {
        let looks = || {
            Looks::of("{}")
                .candidate(5, 0)
                .candidate(13, 0)
                .candidate(6, 0)
        };
        assert_eq!(diary(looks()), "1.10 +10 Some(5)\n1.30 +10 Some(6)\n");
        use Verdict::{Healthy, Inconclusive};
        assert_eq!(
            looks().verdicts::<Diary>(),
            [Healthy, Inconclusive, Healthy]
        );
    }

    #[test]
    #[should_panic(expected = "at most 16384 are kept")]
    fn memory_that_grows_is_found() {
        Looks::of("{}")
            .candidate(5, 0)
            .again(2_000)
            .verdicts::<Diary>();
    }

    #[test]
    #[should_panic(expected = "look 1 is in the Phase::Preview")]
    fn a_phase_in_which_it_cannot_judge_is_told() {
        let looks = Looks::of("{}").phase(Phase::Preview);
        looks.candidate(5, 0).verdicts::<Diary>();
    }

    /// Healthy whatever it sees.
    struct Optimist;

    impl Monitor for Optimist {
        type Config = Asks;

        fn describe(_: Asks) -> Result<Capability, HookError> {
            Diary::describe(Asks(false))
        }

        fn observe(_: Asks, _: &ObserveRequest) -> Result<Observation, HookError> {
            Ok(Observation {
                memory: Vec::new(),
                verdict: Verdict::Healthy,
                reason: "it will be fine".into(),
                measurements: Vec::new(),
                findings: Vec::new(),
            })
        }
    }

    #[test]
    #[should_panic(expected = "healthy without evidence")]
    fn no_evidence_is_never_healthy() {
        Looks::of("{}").candidate(0, 0).verdicts::<Optimist>();
    }
}
