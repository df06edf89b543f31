//! What users write under `with:`, and what it comes to for n instances.

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::strategy::{View, instances};
use baepo_plugin::units::{CountOrPercent, Millis, Percent};
use baepo_plugin::{ConfigProblem, HookError};

pub(crate) struct Rolling {
    /// `None`: the default, cut to what the environment allows.
    max_surge: Option<CountOrPercent>,
    max_unavailable: Option<CountOrPercent>,
    pub(crate) min_ready: Millis,
    pub(crate) max_observe: Millis,
    pub(crate) bake: Millis,
}

const DEFAULT_SURGE: CountOrPercent = CountOrPercent::Percent(Percent(2_500));

impl Config for Rolling {
    fn read(fields: &mut Fields) -> Rolling {
        let config = Rolling {
            max_surge: fields.optional("max-surge"),
            max_unavailable: fields.optional("max-unavailable"),
            min_ready: fields.or("min-ready", Millis::seconds(10)),
            max_observe: fields.or("max-observe", Millis::minutes(30)),
            bake: fields.or("bake", Millis::minutes(1)),
        };
        for (key, time) in [("min-ready", config.min_ready), ("bake", config.bake)] {
            if time < Millis::seconds(1) {
                fields.problem(
                    key,
                    "must be at least 1s: nothing goes on without a look at it",
                );
            }
        }
        config
    }
}

/// The numbers of instances that a rollout keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// s: how many there may be above n.
    pub(crate) surge: u32,
    /// u: how many may be missing from n.
    pub(crate) unavailable: u32,
    /// m: how many must always serve.
    pub(crate) floor: u32,
    /// The target's smallest share, in basis points.
    grain: u32,
}

impl Bounds {
    /// Surge is rounded up, unavailable down, and where both are zero one may
    /// be unavailable: otherwise nothing could move.
    ///
    /// Source: the Deployment controller of Kubernetes, `ResolveFenceposts`.
    pub(crate) fn new(surge: CountOrPercent, unavailable: CountOrPercent, n: u32) -> Bounds {
        let (surge, mut unavailable) = (surge.ceil(n), unavailable.floor(n));
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Bounds {
            surge,
            unavailable,
            floor: n.saturating_sub(unavailable).max(1),
            grain: 1,
        }
    }

    /// What so many candidates can carry: floor(10000 · min(c, m) / m), and no
    /// finer than the target can make.
    pub(crate) fn share(&self, candidates: u32) -> Percent {
        if candidates >= self.floor {
            return Percent::ALL;
        }
        let exact = u64::from(candidates) * 10_000 / u64::from(self.floor);
        Percent(exact as u32 / self.grain * self.grain)
    }

    /// How many instances start together.
    pub(crate) fn group(&self) -> u32 {
        self.surge.saturating_add(self.unavailable).max(1)
    }

    /// How many groups there are.
    pub(crate) fn groups(&self, n: u32) -> u32 {
        n.div_ceil(self.group()).max(1)
    }

    /// Whether stable can lose as many instances as the candidate has won at
    /// each step, with the shares that the target can make.
    fn fits_shares(&self) -> bool {
        (1..=self.floor).all(|c| {
            let rest = u64::from(10_000 - self.share(c).0);
            let needed = (rest.saturating_sub(1) * u64::from(self.floor)).div_ceil(10_000);
            needed <= u64::from(self.floor - c)
        })
    }
}

impl Rolling {
    /// What the configuration comes to, where the environment allows it.
    pub(crate) fn bounds(&self, view: &View) -> Result<Bounds, HookError> {
        let n = view.instances;
        let limits = &view.limits;
        let surge = self
            .max_surge
            .unwrap_or_else(|| CountOrPercent::Count(DEFAULT_SURGE.ceil(n).min(limits.max_surge)));
        let unavailable = self.max_unavailable.unwrap_or(CountOrPercent::Count(0));
        let grain = limits.weight_granularity_basis_points.max(1);
        let bounds = Bounds {
            grain,
            ..Bounds::new(surge, unavailable, n)
        };

        let mut problems = Vec::new();
        let mut problem = |path: &str, message: String| {
            problems.push(ConfigProblem {
                path: path.into(),
                message,
            });
        };
        if bounds.surge > limits.max_surge {
            problem(
                "max-surge",
                format!(
                    "{surge} of {n} is {}, but the environment's `max-surge` allows {}",
                    bounds.surge, limits.max_surge
                ),
            );
        }
        if bounds.unavailable > limits.max_unavailable {
            let (path, what) = match self
                .max_unavailable
                .is_some_and(|_| unavailable.floor(n) > 0)
            {
                true => (
                    "max-unavailable",
                    format!("{unavailable} of {n} is {}", bounds.unavailable),
                ),
                false => (
                    "max-surge",
                    "without surge one instance must be missing at a time".into(),
                ),
            };
            problem(
                path,
                format!(
                    "{what}, but the environment's `max-unavailable` allows {}",
                    limits.max_unavailable
                ),
            );
        } else if n == 1 && bounds.surge == 0 {
            problem(
                "max-surge",
                "a single instance cannot be replaced without a second one beside it".into(),
            );
        }
        if !bounds.fits_shares() {
            let grain = Percent(grain);
            let message = format!(
                "{} move in shares of {}, but the target's shares are multiples of {grain}",
                instances(bounds.floor),
                Percent(10_000 / bounds.floor),
            );
            problem("", message);
        }
        if problems.is_empty() {
            Ok(bounds)
        } else {
            Err(HookError::InvalidConfig(problems))
        }
    }
}
