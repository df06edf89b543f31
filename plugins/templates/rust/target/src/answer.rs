//! What programs answer. Read as a `with:` block is, so that a mistake is told
//! with its place.

use baepo_plugin::HookError;
use baepo_plugin::config::{self, Config, Fields};
use baepo_plugin::monitor::Histogram;
use baepo_plugin::target::{Instances, LogLine, Measured, Observation, Share};

/// Reads the answer of a program, whose command line is `who`.
pub(crate) fn read<A: Config>(who: &str, stdout: &[u8]) -> Result<A, HookError> {
    let wrong = |why: &str| HookError::Failed(format!("{who} answers wrongly: {why}"));
    let text = str::from_utf8(stdout).map_err(|_| wrong("it is not UTF-8"))?;
    config::parse(text).map_err(|error| match error {
        HookError::InvalidConfig(problems) => {
            let problems = problems.iter();
            let told = problems.map(|problem| match &*problem.path {
                "" => format!("it {}", problem.message),
                path => format!("`{path}` {}", problem.message),
            });
            wrong(&told.collect::<Vec<_>>().join("; "))
        }
        error => error,
    })
}

/// Of `observe`.
pub(crate) struct Fleet(pub(crate) Observation);

impl Config for Fleet {
    fn read(fields: &mut Fields) -> Fleet {
        // Whoever says nothing at all has not looked.
        if !fields.has("instances") {
            fields.problem("instances", "is missing; it is `[]` where nothing is there");
        }
        Fleet(Observation {
            instances: fields.blocks("instances", instances).unwrap_or_default(),
            route: fields.blocks("route", share).unwrap_or_default(),
        })
    }
}

fn instances(fields: &mut Fields) -> Instances {
    let (ready, starting) = (fields.or("ready", 0), fields.or("starting", 0_u32));
    Instances {
        digest: digest(fields),
        asked: fields.or("asked", starting.saturating_add(ready)),
        ready,
        starting,
        draining: fields.or("draining", 0),
        restarts: fields.or("restarts", 0),
        endpoints: fields.list("endpoints").unwrap_or_default(),
    }
}

fn share(fields: &mut Fields) -> Share {
    Share {
        digest: digest(fields),
        weight_basis_points: fields.or("weight-basis-points", 0),
    }
}

fn digest(fields: &mut Fields) -> String {
    let digest: String = fields.or("digest", String::new());
    if !digest.starts_with("sha256:") && fields.is_fine("digest") {
        fields.problem(
            "digest",
            "must be `sha256:` and 64 digits, as it was staged",
        );
    }
    digest
}

/// Of `telemetry`.
pub(crate) struct Telemetry(pub(crate) Option<Measured>);

impl Config for Telemetry {
    fn read(fields: &mut Fields) -> Telemetry {
        let requests: Option<u64> = fields.optional("requests");
        let failures = fields.or("failures", 0);
        let latency = fields.block("latency", |fields| Histogram {
            bounds_us: fields.list("bounds-us").unwrap_or_default(),
            counts: fields.list("counts").unwrap_or_default(),
        });
        // Without a histogram all requests are in the one bucket that has no
        // bound, which says nothing about their latency.
        let unknown = || Histogram {
            bounds_us: Vec::new(),
            counts: vec![requests.unwrap_or_default()],
        };
        let latency = latency.unwrap_or_else(unknown);
        if latency.counts.len() != latency.bounds_us.len() + 1 {
            fields.problem("latency", "needs one count more than bounds");
        }
        Telemetry(requests.map(|requests| Measured {
            requests,
            failures,
            latency,
        }))
    }
}

/// Of `logs`.
pub(crate) struct Logs(pub(crate) Vec<LogLine>);

impl Config for Logs {
    fn read(fields: &mut Fields) -> Logs {
        let lines = fields.blocks("lines", |fields| LogLine {
            at_ms: fields.or("at-ms", 0),
            instance: fields.or("instance", String::new()),
            text: fields.or("text", String::new()),
        });
        Logs(lines.unwrap_or_default())
    }
}

/// Of `load`: the version of the document and its text.
pub(crate) struct Document(pub(crate) u64, pub(crate) String);

impl Config for Document {
    fn read(fields: &mut Fields) -> Document {
        // Whoever says nothing at all has not looked: an empty document would
        // be a place in which nothing was ever installed.
        if !fields.has("version") {
            fields.problem("version", "is missing; it is 0 where nothing was saved");
        }
        let document: String = fields.or("document", String::new());
        Document(fields.or("version", 0), document)
    }
}

/// Of `save`: the new version; none where somebody else has saved in between.
pub(crate) struct Saved(pub(crate) Option<u64>);

impl Config for Saved {
    fn read(fields: &mut Fields) -> Saved {
        let version: Option<u64> = fields.optional("version");
        if version.is_none() && !fields.or("conflict", false) {
            fields.problem("version", "is missing; or is `conflict` true?");
        }
        Saved(version)
    }
}

/// Of `missing`.
pub(crate) struct Missing(pub(crate) Vec<String>);

impl Config for Missing {
    fn read(fields: &mut Fields) -> Missing {
        if !fields.has("missing") {
            fields.problem("missing", "is missing; it is `[]` where nothing is");
        }
        Missing(fields.list("missing").unwrap_or_default())
    }
}
