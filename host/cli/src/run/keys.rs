//! What a person says by keys to the rollout that goes on at their terminal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baepo_core::rollout::{Command, Step};
use baepo_runtime::driver;
use baepo_runtime::keys::Keys;
use baepo_runtime::target::Target;
use tokio::task::JoinHandle;

use crate::error::one_line;
use crate::operate::who;
use crate::show::Show;

/// How soon a key that takes traffic back has to be pressed again.
const CERTAINTY: Duration = Duration::from_secs(5);

/// Listens to keys until it is ended.
pub(super) struct Listener(Option<JoinHandle<()>>);

impl Listener {
    /// Listens, where there is a terminal with somebody at it.
    pub(super) fn begin(show: &Show, environment: &str, target: Arc<dyn Target>) -> Listener {
        let (heard, environment) = (show.clone(), environment.to_owned());
        let keys = show.listen();
        Listener(keys.map(|keys| tokio::spawn(hear(keys, heard, environment, target))))
    }

    /// The terminal is as it was before.
    pub(super) async fn end(self) {
        if let Some(task) = self.0 {
            task.abort();
            // Cancelled, as it was asked to be.
            let _ = task.await;
        }
    }
}

async fn hear(mut keys: Keys, show: Show, environment: String, target: Arc<dyn Target>) {
    let mut doubted: Option<Instant> = None;
    while let Some(key) = keys.next().await {
        let is_sure = doubted.take().is_some_and(|at| at.elapsed() < CERTAINTY);
        let command = match key {
            b'p' => Command::Promote,
            b' ' if is_paused(&*target).await => Command::Resume,
            b' ' => Command::Pause,
            b'a' if is_sure => Command::Abort,
            b'a' => {
                doubted = Some(Instant::now());
                show.line(&format!(
                    "{environment}: press a once more to take all traffic back"
                ));
                continue;
            }
            _ => continue,
        };
        let said = driver::signal(&*target, command, &who(), "").await;
        show.line(&match said {
            Ok(_) => format!("{environment}: you said {command}"),
            Err(error) => format!(
                "{environment}: {command} could not be said: {}",
                one_line(&error)
            ),
        });
    }
}

/// Whether the rollout waits for a person, or is going to.
async fn is_paused(target: &dyn Target) -> bool {
    let state = driver::load(target).await;
    state.is_ok_and(|(_, state)| {
        let rollout = state.environment.active();
        rollout.is_some_and(|r| r.pause || matches!(r.step, Step::Holding { .. }))
    })
}
