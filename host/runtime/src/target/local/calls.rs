//! The calls of the contract, one function each.

use std::sync::Arc;
use std::time::Duration;

use baepo_core::digest::Digest;
use baepo_core::fleet::{Fleet, Instances, Route};
use baepo_core::lease::{Claim, Lease, Token};
use baepo_core::release::Release;
use baepo_core::telemetry::Telemetry;
use baepo_core::time::Millis;

use super::fleet::{Inner, Keeper, number_of, unable};
use super::protocol::{File, Problem};
use super::store::{Saved, SavedInstance, SavedRelease};
use crate::blocking;
use crate::clock::now;
use crate::target::{Document, LogLine, STATE_MAX_BYTES, Workload};

impl Keeper {
    pub(super) fn missing(&self, digests: Vec<Digest>) -> Vec<Digest> {
        digests
            .into_iter()
            .filter(|digest| !self.depot.has(*digest))
            .collect()
    }

    pub(super) async fn stage(
        &self,
        token: Token,
        release: Release,
        mut workload: Workload,
        files: Vec<File>,
    ) -> Result<(), Problem> {
        let mut inner = self.inner.lock().await;
        guard(&inner, token)?;
        if workload.command.is_empty() {
            return Err(Problem::Refused(
                "the command of the release is empty".to_owned(),
            ));
        }
        let digest = release.digest;
        let secret_env = std::mem::take(&mut workload.secret_env);
        let (depot, laid_out) = (self.depot.clone(), files.clone());
        blocking(move || depot.lay_out(digest, &laid_out, &secret_env))
            .await
            .map_err(Problem::Refused)?;
        let mut saved = inner.saved.clone();
        let known = saved.releases.remove(&digest);
        let (asked, restarts, next_instance) = known.map_or((0, 0, 1), |known| {
            (known.asked, known.restarts, known.next_instance)
        });
        let staged_at = now();
        let entry = SavedRelease {
            release,
            workload,
            files,
            asked,
            restarts,
            staged_at,
            next_instance,
        };
        saved.releases.insert(digest, entry);
        self.commit(&mut inner, saved).await?;
        inner.counters.entry(digest).or_default();
        Ok(())
    }

    pub(super) async fn scale(
        self: &Arc<Self>,
        token: Token,
        digest: Digest,
        instances: u32,
    ) -> Result<(), Problem> {
        let mut inner = self.inner.lock().await;
        guard(&inner, token)?;
        self.ask_for(&mut inner, digest, instances).await
    }

    async fn ask_for(
        self: &Arc<Self>,
        inner: &mut Inner,
        digest: Digest,
        instances: u32,
    ) -> Result<(), Problem> {
        let mut saved = inner.saved.clone();
        let release = saved
            .releases
            .get_mut(&digest)
            .ok_or_else(|| unstaged(digest))?;
        release.asked = instances;
        let mut staying: Vec<(bool, u64, String)> = saved
            .instances
            .iter()
            .filter(|(_, record)| record.digest == digest && !record.is_leaving)
            .map(|(id, _)| {
                let is_unready = !inner.live.get(id).is_some_and(|live| live.is_ready);
                (is_unready, number_of(id), id.clone())
            })
            .collect();
        // Those that serve stay longest, and of them the oldest.
        staying.sort();
        let keep = instances as usize;
        let leaving: Vec<String> = staying
            .iter()
            .skip(keep)
            .map(|(_, _, id)| id.clone())
            .collect();
        let mut coming = Vec::new();
        for _ in staying.len()..keep {
            let id = format!("{}-{}", digest.short(), release.next_instance);
            release.next_instance += 1;
            let record = SavedInstance {
                digest,
                is_leaving: false,
                spawn: 0,
                port: 0,
                birth: None,
            };
            saved.instances.insert(id.clone(), record);
            coming.push(id);
        }
        for id in &leaving {
            if let Some(record) = saved.instances.get_mut(id) {
                record.is_leaving = true;
            }
        }
        self.commit(inner, saved).await?;
        for id in &leaving {
            if let Some(live) = inner.live.get_mut(id) {
                live.is_ready = false;
            }
        }
        // Out of rotation first; only then are they told to go.
        self.rebuild_table(inner);
        for live in leaving.iter().filter_map(|id| inner.live.get(id)) {
            live.leave.cancel();
        }
        for id in coming {
            self.begin_life(inner, &id, None);
        }
        Ok(())
    }

    pub(super) async fn route(&self, token: Token, route: Route) -> Result<(), Problem> {
        let mut inner = self.inner.lock().await;
        guard(&inner, token)?;
        if !route.is_valid() {
            return Err(Problem::Refused(
                "the shares do not sum to 10000 basis points".to_owned(),
            ));
        }
        for share in route.shares() {
            if !inner.saved.releases.contains_key(&share.digest) {
                return Err(unstaged(share.digest));
            }
        }
        let saved = Saved {
            route,
            ..inner.saved.clone()
        };
        self.commit(&mut inner, saved).await?;
        self.rebuild_table(&inner);
        Ok(())
    }

    pub(super) async fn discard(&self, token: Token, digest: Digest) -> Result<(), Problem> {
        let mut inner = self.inner.lock().await;
        guard(&inner, token)?;
        let is_routed = inner
            .saved
            .route
            .shares()
            .iter()
            .any(|share| share.digest == digest);
        if is_routed
            || inner
                .saved
                .instances
                .values()
                .any(|record| record.digest == digest)
        {
            let text = format!("release {} still has instances or traffic", digest.short());
            return Err(Problem::Refused(text));
        }
        let mut saved = inner.saved.clone();
        let Some(gone) = saved.releases.remove(&digest) else {
            return Ok(());
        };
        let is_used = |content: &Digest| {
            saved
                .releases
                .values()
                .flat_map(|release| &release.files)
                .any(|file| file.sha256 == *content)
        };
        let unused: Vec<Digest> = gone
            .files
            .iter()
            .map(|file| file.sha256)
            .filter(|content| !is_used(content))
            .collect();
        self.commit(&mut inner, saved).await?;
        inner.counters.remove(&digest);
        self.with_outputs(|outputs| {
            outputs.retain(|_, (of, output)| {
                if *of == digest {
                    output.remove();
                }
                *of != digest
            });
        });
        let depot = self.depot.clone();
        let removed = blocking(move || depot.discard(digest, &unused)).await;
        removed.map_err(|error| unable("remove the files of the release", &error))
    }

    pub(super) async fn observe(&self) -> Fleet {
        let inner = self.inner.lock().await;
        let instances = inner.saved.releases.iter().map(|(digest, release)| {
            let of = |leaving| {
                inner
                    .saved
                    .instances
                    .iter()
                    .filter(move |(_, record)| {
                        record.digest == *digest && record.is_leaving == leaving
                    })
                    .filter_map(|(id, _)| inner.live.get(id).map(|live| (number_of(id), live)))
            };
            let ready: Vec<String> = of(false)
                .filter(|(_, live)| live.is_ready)
                .filter_map(|(_, live)| live.backend.as_ref())
                .map(|backend| format!("http://{}", backend.address()))
                .collect();
            let newest_unready = of(false)
                .filter(|(_, live)| !live.is_ready)
                .max_by_key(|(n, _)| *n);
            Instances {
                digest: *digest,
                asked: release.asked,
                ready: count(ready.len()),
                starting: count(of(false).count() - ready.len()),
                draining: count(of(true).count()),
                restarts: release.restarts,
                endpoints: ready.into(),
                trouble: newest_unready
                    .and_then(|(_, live)| live.crash.clone().or(live.unhealthy.clone())),
            }
        });
        Fleet {
            instances: instances.collect(),
            route: inner.saved.route.clone(),
        }
    }

    pub(super) async fn telemetry(&self, digest: Digest) -> Option<Telemetry> {
        let inner = self.inner.lock().await;
        inner
            .counters
            .get(&digest)
            .map(|counters| counters.telemetry())
    }

    /// The page for Prometheus.
    pub(super) async fn metrics(&self) -> String {
        let inner = self.inner.lock().await;
        let counted: Vec<(Digest, Telemetry)> = inner
            .counters
            .iter()
            .map(|(digest, counters)| (*digest, counters.telemetry()))
            .collect();
        drop(inner);
        self.router.metrics(
            counted
                .iter()
                .map(|(digest, telemetry)| (*digest, telemetry)),
        )
    }

    pub(super) async fn logs(self: &Arc<Self>, digest: Digest, limit_lines: usize) -> Vec<LogLine> {
        let keeper = Arc::clone(self);
        blocking(move || {
            let secrets = keeper.depot.secrets(digest).unwrap_or_default();
            keeper.refresh_outputs();
            let mut lines: Vec<LogLine> = keeper.with_outputs(|outputs| {
                let of = outputs.iter().filter(|(_, (known, _))| *known == digest);
                of.flat_map(|(id, (_, output))| {
                    output.lines().map(|(at, text)| LogLine {
                        at: *at,
                        instance: id.clone(),
                        text: veiled(text, &secrets),
                    })
                })
                .collect()
            });
            lines.sort_by_key(|line| line.at);
            lines.split_off(lines.len().saturating_sub(limit_lines))
        })
        .await
    }

    pub(super) async fn document(&self) -> Document {
        self.inner.lock().await.document.clone()
    }

    pub(super) async fn save_document(
        &self,
        token: Option<Token>,
        expected: u64,
        bytes: Vec<u8>,
    ) -> Result<u64, Problem> {
        let mut inner = self.inner.lock().await;
        if let Some(token) = token {
            guard(&inner, token)?;
        }
        if inner.document.version != expected {
            return Err(Problem::Conflict);
        }
        if bytes.len() > STATE_MAX_BYTES {
            let text = format!(
                "the state is {} bytes, more than {STATE_MAX_BYTES}",
                bytes.len()
            );
            return Err(Problem::Refused(text));
        }
        let document = Document {
            version: expected + 1,
            bytes,
        };
        let store = Arc::clone(&self.store);
        let (document, written) = blocking(move || {
            let written = store.save_document(&document);
            (document, written)
        })
        .await;
        written.map_err(|error| unable("save the state", &error))?;
        inner.document = document;
        Ok(inner.document.version)
    }

    pub(super) async fn acquire(
        &self,
        holder: String,
        held: Option<Token>,
        ttl: Duration,
    ) -> Result<Lease, Problem> {
        let mut inner = self.inner.lock().await;
        let (saved, now) = (&inner.saved, now());
        let in_force = saved.lease.as_ref().filter(|lease| lease.expires > now);
        let claim = Claim {
            holder: &holder,
            held,
            ttl: Millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        };
        let lease = claim.decide(Token(saved.newest_token), in_force, now)?;
        let saved = Saved {
            newest_token: lease.token.0,
            lease: Some(lease.clone()),
            ..inner.saved.clone()
        };
        self.commit(&mut inner, saved).await?;
        Ok(lease)
    }

    pub(super) async fn release(&self, token: Token) -> Result<(), Problem> {
        let mut inner = self.inner.lock().await;
        guard(&inner, token)?;
        let saved = Saved {
            lease: None,
            ..inner.saved.clone()
        };
        self.commit(&mut inner, saved).await
    }

    /// The newest lease that was not given back; it may have run out.
    pub(super) async fn lease(&self) -> Option<Lease> {
        self.inner.lock().await.saved.lease.clone()
    }

    /// Stop everything: no route, no instances, and then the agent.
    pub(super) async fn shut_down(self: &Arc<Self>) -> Result<(), Problem> {
        let mut inner = self.inner.lock().await;
        let saved = Saved {
            route: Route::NONE,
            ..inner.saved.clone()
        };
        self.commit(&mut inner, saved).await?;
        let digests: Vec<Digest> = inner.saved.releases.keys().copied().collect();
        for digest in digests {
            self.ask_for(&mut inner, digest, 0).await?;
        }
        self.shutdown.cancel();
        Ok(())
    }
}

/// Whether a call with this token may change anything.
fn guard(inner: &Inner, token: Token) -> Result<(), Problem> {
    Ok(token.guard(Token(inner.saved.newest_token))?)
}

fn unstaged(digest: Digest) -> Problem {
    Problem::Refused(format!("release {} is not staged here", digest.short()))
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// The text without the values of secrets; short ones would veil everything.
fn veiled(text: &str, secrets: &[(String, String)]) -> String {
    let known = secrets.iter().filter(|(_, value)| value.len() >= 4);
    known.fold(text.to_owned(), |text, (_, value)| {
        text.replace(value.as_str(), "***")
    })
}
