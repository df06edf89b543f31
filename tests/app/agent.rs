//! An agent as a process of its own, for tests that kill it:
//! `test-agent STATE_DIR LISTEN CONTROL [take-over]`.

use baepo_runtime::router::Limits;
use baepo_runtime::target::local::{Agent, AgentOptions};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (words, more) = words.split_at(3);
    let [state_dir, listen, control] = words else {
        panic!("three arguments");
    };
    let options = AgentOptions {
        state_dir: state_dir.into(),
        listen: listen.parse().expect("an address"),
        control: control.into(),
        limits: Limits::default(),
        sticky: None,
        has_watchdog: false,
        takes_over: !more.is_empty(),
        starts_anew: false,
    };
    let agent = Agent::start(options).await.expect("the agent starts");
    agent.run(CancellationToken::new()).await;
}
