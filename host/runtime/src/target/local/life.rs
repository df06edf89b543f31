//! The life of one instance: started, watched, started again when it ends
//! unasked, and in the end drained and stopped.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use baepo_core::digest::Digest;
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::fleet::Keeper;
use super::probe::probe;
use super::process::{MARK, Process};
use crate::blocking;
use crate::clock::now;
use crate::router::Backend;
use crate::target::Workload;

/// Health answers in a row that may be missing before traffic is taken away.
const MISSED_MAX: u32 = 3;

/// How often an instance that is not ready yet is asked, at least.
const EAGER: Duration = Duration::from_millis(100);

/// First and longest pause before an instance is started again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A process that lived this long was no failed start.
const LIVED: Duration = Duration::from_secs(30);

/// Ports of instances: below the range from which the system takes the ports
/// of outgoing connections, the router's own among them, so that none is
/// taken between the choice and the start.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Variables that instances get from the agent; all others are the release's.
const INHERITED: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Live until told to leave.
pub(super) async fn run(
    keeper: Arc<Keeper>,
    id: String,
    digest: Digest,
    leave: CancellationToken,
    mut adopted: Option<Process>,
) {
    let mut pause = PAUSE.0;
    loop {
        let began = Instant::now();
        let lost = match adopted.take() {
            Some(process) => attend(&keeper, &id, digest, &leave, process).await,
            None if leave.is_cancelled() => None,
            None => match start(&keeper, &id, digest).await {
                Ok(process) => attend(&keeper, &id, digest, &leave, process).await,
                Err(why) => Some(why),
            },
        };
        let Some(why) = lost else { break };
        tracing::warn!(instance = id, why, "an instance ended unasked");
        mark_lost(&keeper, &id, digest, why).await;
        pause = if began.elapsed() > LIVED {
            PAUSE.0
        } else {
            (pause * 2).min(PAUSE.1)
        };
        if leave.run_until_cancelled(sleep(pause)).await.is_none() {
            break;
        }
    }
    keeper.forget(&id).await;
}

/// Watch a process until it ends, or until the instance leaves (`None`).
async fn attend(
    keeper: &Arc<Keeper>,
    id: &str,
    digest: Digest,
    leave: &CancellationToken,
    mut process: Process,
) -> Option<String> {
    let (address, workload) = {
        let mut inner = keeper.inner.lock().await;
        let port = inner.saved.instances.get(id)?.port;
        let workload = inner.saved.releases.get(&digest)?.workload.clone();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Some(live) = inner.live.get_mut(id) {
            live.backend = Some(Backend::new(id, address));
        }
        (address, workload)
    };
    let began = Instant::now();
    let how = tokio::select! {
        biased;
        () = leave.cancelled() => {
            wind_down(keeper, id, &workload, process).await;
            return None;
        }
        how = process.wait() => how,
        never = watch(keeper, id, address, &workload) => match never {},
    };
    process.kill_group();
    let reader = Arc::clone(keeper);
    blocking(move || reader.refresh_outputs()).await;
    let last_words =
        keeper.with_outputs(|outputs| outputs.get(id).and_then(|(_, o)| o.last_words()));
    let after = began.elapsed().as_millis();
    Some(match last_words {
        Some(words) => format!("{how} after {after} ms: {words}"),
        None => format!("{how} after {after} ms without a word"),
    })
}

/// Ask for health again and again.
async fn watch(keeper: &Keeper, id: &str, address: SocketAddr, workload: &Workload) -> Infallible {
    let (mut is_ready, mut missed) = (false, 0);
    loop {
        let health = probe(address, &workload.health_path, workload.health_timeout).await;
        missed = if health.is_ok() { 0 } else { missed + 1 };
        let is_healthy = if is_ready {
            missed < MISSED_MAX
        } else {
            health.is_ok()
        };
        if is_healthy != is_ready || !is_ready {
            is_ready = is_healthy;
            mark_health(keeper, id, is_ready, health.err()).await;
        }
        sleep(if is_ready {
            workload.health_interval
        } else {
            workload.health_interval.min(EAGER)
        })
        .await;
    }
}

async fn mark_health(keeper: &Keeper, id: &str, is_ready: bool, why: Option<String>) {
    let mut inner = keeper.inner.lock().await;
    let Some(live) = inner.live.get_mut(id) else {
        return;
    };
    live.is_probed = true;
    live.unhealthy = why;
    if is_ready {
        live.crash = None;
    }
    // One that leaves stays out of rotation, whatever its health.
    let is_ready = is_ready && !live.leave.is_cancelled();
    if live.is_ready != is_ready {
        live.is_ready = is_ready;
        keeper.rebuild_table(&inner);
    }
}

async fn mark_lost(keeper: &Keeper, id: &str, digest: Digest, why: String) {
    let mut inner = keeper.inner.lock().await;
    if let Some(live) = inner.live.get_mut(id) {
        live.is_ready = false;
        live.is_probed = true;
        live.backend = None;
        live.crash = Some(why);
    }
    keeper.rebuild_table(&inner);
    let mut saved = inner.saved.clone();
    if let Some(release) = saved.releases.get_mut(&digest) {
        release.restarts += 1;
    }
    if let Some(record) = saved.instances.get_mut(id) {
        record.birth = None;
    }
    let counted = saved.clone();
    if let Err(problem) = keeper.commit(&mut inner, saved).await {
        tracing::warn!(instance = id, ?problem, "the restart is not remembered");
        inner.saved = counted;
    }
}

/// Drain and stop. The instance is out of rotation already.
async fn wind_down(keeper: &Keeper, id: &str, workload: &Workload, mut process: Process) {
    let backend = keeper
        .inner
        .lock()
        .await
        .live
        .get(id)
        .and_then(|live| live.backend.clone());
    if let Some(backend) = backend {
        backend.leave(workload.drain_deadline);
        let drained = async {
            keeper.alone.cancelled().await;
            while backend.in_flight() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(workload.drain_deadline, drained).await.is_err() {
            tracing::warn!(
                instance = id,
                in_flight = backend.in_flight(),
                "stopped before it had drained"
            );
            backend.cut();
        }
        backend.retire();
    }
    process.terminate();
    if timeout(workload.stop_deadline, process.wait())
        .await
        .is_err()
    {
        tracing::warn!(instance = id, "killed: it did not stop in time");
        process.kill();
        process.wait().await;
    }
    process.kill_group();
}

/// Start a process for an instance; why it could not be, for people.
async fn start(keeper: &Arc<Keeper>, id: &str, digest: Digest) -> Result<Process, String> {
    let (command, spawn) = {
        let mut inner = keeper.inner.lock().await;
        let mut saved = inner.saved.clone();
        let spawn = saved.next_spawn;
        saved.next_spawn += 1;
        let taken: Vec<u16> = saved.instances.values().map(|record| record.port).collect();
        let port = free_port(spawn, &taken).ok_or("no free port")?;
        let record = saved
            .instances
            .get_mut(id)
            .ok_or("it is not known any more")?;
        (record.spawn, record.port, record.birth) = (spawn, port, None);
        remember(keeper, &mut inner, saved, id).await;
        let release = inner
            .saved
            .releases
            .get(&digest)
            .ok_or("its release is not staged")?;
        let mark = format!("{}/{id}/{spawn}", inner.saved.agent);
        let names: Vec<String> = release.files.iter().map(|file| file.name.clone()).collect();
        (
            command(keeper, id, digest, &release.workload, &names, port, &mark)?,
            spawn,
        )
    };
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let process = Process::start(command)
        .await
        .map_err(|error| format!("cannot start `{program}`: {error}"))?;
    let mut inner = keeper.inner.lock().await;
    let mut saved = inner.saved.clone();
    if let Some(record) = saved
        .instances
        .get_mut(id)
        .filter(|record| record.spawn == spawn)
    {
        record.birth = Some(process.birth().clone());
    }
    remember(keeper, &mut inner, saved, id).await;
    Ok(process)
}

/// Remember, and go on where that fails: on a full disk it is better that what
/// crashed comes back than that all is written down. The next agent knows
/// processes by their marks.
async fn remember(
    keeper: &Keeper,
    inner: &mut super::fleet::Inner,
    saved: super::store::Saved,
    id: &str,
) {
    let wanted = saved.clone();
    if let Err(problem) = keeper.commit(inner, saved).await {
        tracing::warn!(instance = id, ?problem, "its start is not remembered");
        inner.saved = wanted;
    }
}

fn command(
    keeper: &Keeper,
    id: &str,
    digest: Digest,
    workload: &Workload,
    names: &[String],
    port: u16,
    mark: &str,
) -> Result<Command, String> {
    let folder = keeper.depot.files(digest);
    let secrets = keeper
        .depot
        .secrets(digest)
        .map_err(|error| format!("cannot read its secrets: {error}"))?;
    let mut words = workload
        .command
        .iter()
        .map(|word| word.replace("{port}", &port.to_string()));
    let first = words.next().ok_or("its command is empty")?;
    let name = first.strip_prefix("./").unwrap_or(&first);
    let mut command = if names.iter().any(|known| known == name) {
        Command::new(folder.join(name))
    } else {
        Command::new(&first)
    };
    command.args(words).current_dir(&folder).env_clear();
    let inherited = INHERITED
        .iter()
        .filter_map(|name| Some((*name, std::env::var_os(name)?)));
    command
        .envs(inherited)
        .envs(workload.env.iter().map(|(name, value)| (name, value)))
        .envs(secrets)
        .env("PORT", port.to_string())
        .env(MARK, mark)
        .stdin(Stdio::null());
    // Without a place to write it is better mute than not there.
    let file = keeper.with_outputs(|outputs| {
        let (_, output) = outputs.get(id)?;
        let out = output.open().ok()?;
        Some((out.try_clone().ok()?, out))
    });
    match file {
        Some((out, err)) => command.stdout(out).stderr(err),
        None => command.stdout(Stdio::null()).stderr(Stdio::null()),
    };
    Ok(command)
}

/// A port that nobody listens on, beginning at another place each time.
fn free_port(spawn: u64, taken: &[u16]) -> Option<u16> {
    let width = u64::from(PORTS.end - PORTS.start);
    let start = u64::from(std::process::id()) * 131 + now().0 * 17 + spawn * 3;
    (0..width)
        .filter_map(|step| u16::try_from((start + step) % width).ok())
        .map(|offset| PORTS.start + offset)
        .filter(|port| !taken.contains(port))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_chosen() {
        let first = free_port(1, &[]).unwrap();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let width = PORTS.end - PORTS.start;
        for spawn in 0..20 {
            let port = free_port(spawn, &[first]).unwrap();
            assert!(port != held.local_addr().unwrap().port());
            assert!((PORTS.start..PORTS.start + width).contains(&port));
        }
    }
}
