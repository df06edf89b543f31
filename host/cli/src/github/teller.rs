//! Tells GitHub of a run beside it: the run never waits for GitHub, except for
//! a while at its end, which is seconds where the job was cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use baepo_core::hook::Signal;
use baepo_core::pipeline::StageResult;
use baepo_core::report::Report;
use baepo_core::time::{Millis, Time};
use baepo_runtime::capability::redact::Redactor;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::api::Api;
use super::place::Place;
use super::surfaces::{Surfaces, Told, Wanted};

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The least time between two edits.
const LEAST_PAUSE: Millis = Millis::from_secs(10);
/// After so long, an edit is worth it for new numbers alone; twice as long
/// after each of those.
const FIRST_QUIET: Millis = Millis::from_secs(60);
/// The longest time with old numbers.
const LONGEST_QUIET: Millis = Millis::from_secs(960);
/// After so many requests nothing is told but the end, which takes about ten,
/// after reading what people said, which takes six at most:
/// a job has a thousand in an hour for all that its repository does.
const MOST_REQUESTS: u32 = 22;

/// How long the end may take to be told once the job is cancelled. The runner
/// asks again after 7.5 s and kills after 2.5 s more; the way back comes first.
const CANCELLED_END: Duration = Duration::from_secs(4);
/// How long something that is not the end may still take then.
const CANCELLED_MIDDLE: Duration = Duration::from_secs(1);

/// What comes in.
enum Offer {
    /// How the run stands.
    Report(Box<Report>),
    /// A question for what people said at a pull request.
    Signals(u64, oneshot::Sender<Vec<Signal>>),
}

/// Tells GitHub.
pub(crate) struct Teller {
    is_wanted: Arc<AtomicBool>,
    offers: mpsc::UnboundedSender<Offer>,
    task: JoinHandle<Told>,
}

impl Teller {
    /// Begin; `cancel` is cancelled when the job is.
    pub(crate) fn start(
        api: Api,
        place: Place,
        wanted: Wanted,
        redactor: Arc<Redactor>,
        cancel: CancellationToken,
    ) -> Teller {
        let (offers, received) = mpsc::unbounded_channel();
        let is_wanted = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&is_wanted);
        let runtime = tokio::runtime::Handle::current();
        // A thread of its own: what is asked of GitHub is written with async
        // closures, whose futures cannot be shown to be `Send`.
        let task = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let surfaces = Surfaces::new(&api, place, wanted, redactor);
                listen(&api, surfaces, received, &flag, &cancel).await
            })
        });
        Teller {
            is_wanted,
            offers,
            task,
        }
    }

    /// How the run stands. Costs nothing most of the time.
    pub(crate) fn offer(&self, report: &Report) {
        if report.ended.is_some() || self.is_wanted.swap(false, Ordering::Relaxed) {
            // Who does not listen any more has ended already.
            let _ = self.offers.send(Offer::Report(Box::new(report.clone())));
        }
    }

    /// What people said so far at a pull request.
    pub(crate) async fn signals(&self, pull_request: u64) -> Vec<Signal> {
        let (answer, answered) = oneshot::channel();
        // As above.
        let _ = self.offers.send(Offer::Signals(pull_request, answer));
        answered.await.unwrap_or_default()
    }

    /// What was told, once the end is.
    pub(crate) async fn end(self) -> Told {
        drop(self.offers);
        self.task.await.unwrap_or_default()
    }
}

async fn listen(
    api: &Api,
    mut surfaces: Surfaces<'_>,
    mut offers: mpsc::UnboundedReceiver<Offer>,
    is_wanted: &AtomicBool,
    cancel: &CancellationToken,
) -> Told {
    let mut pace = Pace::default();
    let mut next = offers.recv().await;
    while let Some(offer) = next {
        let mut newest = None;
        let mut questions = Vec::new();
        let mut take = |offer| match offer {
            // Only the newest counts.
            Offer::Report(report) => newest = Some(report),
            Offer::Signals(pull_request, answer) => questions.push((pull_request, answer)),
        };
        take(offer);
        while let Ok(more) = offers.try_recv() {
            take(more);
        }
        let mut has_ended = false;
        if let Some(report) = newest {
            has_ended = report.ended.is_some();
            let is_due = api.requests() < MOST_REQUESTS && pace.is_due(&report, api.clock().now());
            if has_ended || is_due {
                let most = match has_ended {
                    true => CANCELLED_END,
                    false => CANCELLED_MIDDLE,
                };
                let is_told = tokio::select! {
                    () = surfaces.tell(&report) => true,
                    () = after(cancel, most) => false,
                };
                if !is_told {
                    surfaces.cut_short();
                }
            }
        }
        for (pull_request, answer) in questions {
            let signals = tokio::select! {
                signals = surfaces.signals(pull_request) => signals,
                () = after(cancel, CANCELLED_MIDDLE) => Vec::new(),
            };
            // Who asked may have waited long enough.
            let _ = answer.send(signals);
        }
        if has_ended {
            break;
        }
        // Nothing is wanted meanwhile, so what comes is the end or a question.
        next = match tokio::time::timeout(LOOK, offers.recv()).await {
            Ok(next) => next,
            Err(_) => {
                is_wanted.store(true, Ordering::Relaxed);
                offers.recv().await
            }
        };
    }
    surfaces.into_told()
}

/// So long after the job was cancelled, or from now on where it was before.
async fn after(cancel: &CancellationToken, time: Duration) {
    cancel.cancelled().await;
    tokio::time::sleep(time).await;
}

/// When an edit is worth it.
#[derive(Debug, Default)]
struct Pace {
    last: Option<(Time, String)>,
    quiet: Millis,
}

impl Pace {
    fn is_due(&mut self, report: &Report, now: Time) -> bool {
        let shape = shape(report);
        if let Some((at, before)) = &self.last {
            let since = now.since(*at);
            let has_changed = *before != shape;
            if since < LEAST_PAUSE || (!has_changed && since < self.quiet) {
                return false;
            }
            self.quiet = match has_changed {
                true => FIRST_QUIET,
                false => Millis(self.quiet.0 * 2).min(LONGEST_QUIET),
            };
        } else {
            self.quiet = FIRST_QUIET;
        }
        self.last = Some((now, shape));
        true
    }
}

/// What people want to be told at once, as a text to compare.
fn shape(report: &Report) -> String {
    let stages = report.stages.iter().map(|stage| match stage.result {
        None => 'r',
        Some(StageResult::Passed) => 'p',
        Some(StageResult::Failed) => 'f',
        Some(StageResult::Waiting) => 'w',
        Some(StageResult::Skipped) => 's',
    });
    let mut shape: String = stages.collect();
    for rollout in &report.rollouts {
        shape.push_str(&format!(
            " {} {} {} {:?}",
            rollout.weight.value(),
            rollout.holding.is_some(),
            rollout.turned_back.is_some(),
            rollout.outcome
        ));
    }
    shape
}

#[cfg(test)]
mod tests {
    use baepo_core::pipeline::{RunEntry, RunRecord, Stage};
    use baepo_core::release::Revision;

    use super::*;

    fn report() -> Report {
        let began = RunEntry::Began {
            run: "1".into(),
            app: "shop".into(),
            revision: Revision {
                commit: "abc".into(),
                ref_name: "main".into(),
                summary: String::new(),
                committed_at: Time(0),
            },
            trigger: "push".into(),
            pull_request: None,
        };
        let record = RunRecord {
            at: Time(0),
            entry: began,
        };
        Report::of(&[record]).unwrap()
    }

    #[test]
    fn what_matters_is_told_after_ten_seconds_and_numbers_more_and_more_rarely() {
        let mut pace = Pace::default();
        let mut report = report();
        let due = |pace: &mut Pace, report: &Report, from: u64, to: u64| -> Vec<u64> {
            (from..to)
                .filter(|s| pace.is_due(report, Time(s * 1000)))
                .collect()
        };
        assert_eq!(due(&mut pace, &report, 0, 500), [0, 60, 180, 420]);
        report.apply(&RunRecord {
            at: Time(1),
            entry: RunEntry::StageBegan {
                stage: Stage::Release,
            },
        });
        assert_eq!(due(&mut pace, &report, 421, 520), [430, 490]);
    }
}
