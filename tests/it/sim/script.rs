//! Small strategies for the simulator: the four programs, and a hostile one.

use baepo_core::rollout::{Decision, Directive, Ended, Ending, OnNoEvidence, Progress, View};
use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;

pub(crate) const WATCH: Millis = Millis(3_000);
pub(crate) const BAKE: Millis = Millis(5_000);

fn decision(memory: Vec<u8>, directive: Directive, reason: &str) -> Decision {
    Decision {
        memory,
        directive,
        progress: Progress { step: 1, of: 1 },
        reason: reason.into(),
    }
}

fn watch(time: Millis) -> Directive {
    Directive::Observe {
        min: time,
        max: Millis(time.0 * 2),
    }
}

fn hold() -> Directive {
    Directive::Hold {
        reason: "nobody knows".into(),
        timeout: Millis::from_secs(15),
    }
}

/// A list of directives, one after the other. What an inconclusive window, or
/// a hold that expired, means is the environment's to say.
fn listed(view: &View, list: &[Directive]) -> Decision {
    let at = view.memory.first().map_or(0, |at| usize::from(*at));
    let again = |directive: Directive, reason| decision(vec![at as u8], directive, reason);
    match &view.last {
        Some(Ended {
            ending: Ending::Inconclusive,
            ..
        }) => match view.on_no_evidence {
            OnNoEvidence::Hold => return again(hold(), "hold"),
            OnNoEvidence::Abort => {
                return again(
                    Directive::Abort {
                        reason: "no evidence".into(),
                    },
                    "no evidence",
                );
            }
            OnNoEvidence::ContinueOnHealth => {
                let healthy = view
                    .judgement
                    .as_ref()
                    .is_some_and(|j| j.health == baepo_core::verdict::Verdict::Healthy);
                if !healthy {
                    return again(hold(), "not healthy");
                }
            }
        },
        Some(Ended {
            directive: Directive::Hold { .. },
            ending: Ending::HoldExpired,
            ..
        }) => {
            return again(hold(), "still");
        }
        // Watch again after a person's resume.
        Some(Ended {
            directive: Directive::Hold { .. },
            ending: Ending::Resumed,
            ..
        }) if at > 0 && matches!(list[at - 1], Directive::Observe { .. }) => {
            return again(list[at - 1].clone(), "again");
        }
        _ => {}
    }
    match list.get(at) {
        Some(directive) => decision(vec![at as u8 + 1], directive.clone(), "next"),
        None => again(
            Directive::Abort {
                reason: "at the end".into(),
            },
            "end",
        ),
    }
}

pub(crate) fn direct(view: &View) -> Decision {
    let n = view.instances;
    listed(
        view,
        &[
            Directive::Scale {
                stable: n,
                candidate: n,
            },
            Directive::Route(BasisPoints::FULL),
            watch(BAKE),
            Directive::Finish {
                keep_warm: Millis::ZERO,
            },
        ],
    )
}

pub(crate) fn recreate(view: &View) -> Decision {
    let n = view.instances;
    listed(
        view,
        &[
            Directive::Scale {
                stable: 0,
                candidate: 0,
            },
            Directive::Scale {
                stable: 0,
                candidate: n,
            },
            Directive::Route(BasisPoints::FULL),
            watch(BAKE),
            Directive::Finish {
                keep_warm: Millis::ZERO,
            },
        ],
    )
}

pub(crate) fn blue_green(view: &View) -> Decision {
    let n = view.instances;
    listed(
        view,
        &[
            Directive::Scale {
                stable: n,
                candidate: n,
            },
            watch(WATCH),
            Directive::Route(BasisPoints::FULL),
            watch(BAKE),
            Directive::Finish {
                keep_warm: Millis::from_secs(60),
            },
        ],
    )
}

pub(crate) fn canary(view: &View) -> Decision {
    let n = view.instances;
    let grain = view.limits.weight_granularity.value();
    let share = |wanted: u32| BasisPoints::saturating((wanted.div_ceil(grain) * grain).into());
    let half = n.div_ceil(2);
    let first = (n * share(100).value()).div_ceil(10_000);
    listed(
        view,
        &[
            Directive::Scale {
                stable: n,
                candidate: first,
            },
            Directive::Route(share(100)),
            watch(WATCH),
            Directive::Scale {
                stable: n,
                candidate: half,
            },
            Directive::Route(share(5_000)),
            watch(WATCH),
            Directive::Scale {
                stable: n,
                candidate: n,
            },
            Directive::Route(BasisPoints::FULL),
            watch(BAKE),
            Directive::Finish {
                keep_warm: Millis::ZERO,
            },
        ],
    )
}

/// Group by group, from what the fleet looks like. Memory: proven candidates,
/// and whether the last window was the bake.
pub(crate) fn rolling(view: &View) -> Decision {
    let (n, s, c) = (view.instances, view.fleet.stable, view.fleet.candidate);
    let m = view.limits.floor(n);
    let (mut proven, baking) = match view.memory.as_slice() {
        [proven, baking] => (u32::from(*proven), *baking == 1),
        _ => (0, false),
    };
    if let Some(Ended {
        directive: Directive::Observe { .. },
        ending,
        ..
    }) = &view.last
    {
        match (ending, view.on_no_evidence) {
            (Ending::Inconclusive, OnNoEvidence::Hold) => {
                return decision(view.memory.clone(), hold(), "hold");
            }
            (Ending::Inconclusive, OnNoEvidence::Abort) => {
                let reason = "no evidence".to_string();
                return decision(Vec::new(), Directive::Abort { reason }, "no evidence");
            }
            _ if baking => {
                let keep_warm = Millis::ZERO;
                return decision(view.memory.clone(), Directive::Finish { keep_warm }, "done");
            }
            _ => proven = c.ready,
        }
    }
    if let Some(Ended {
        directive: Directive::Hold { .. },
        ending,
        ..
    }) = &view.last
    {
        match ending {
            Ending::HoldExpired => return decision(view.memory.clone(), hold(), "still"),
            _ if baking => {
                let keep_warm = Millis::ZERO;
                return decision(view.memory.clone(), Directive::Finish { keep_warm }, "done");
            }
            _ => proven = c.ready,
        }
    }
    let memory = |baking| vec![proven as u8, u8::from(baking)];
    let proven = proven.min(c.ready);
    let share = BasisPoints::saturating(u64::from(proven.min(m)) * 10_000 / u64::from(m));
    if view.weight < share {
        return decision(memory(false), Directive::Route(share), "more");
    }
    let needed = m.saturating_sub(proven).min(s.asked);
    if needed < s.asked {
        let directive = Directive::Scale {
            stable: needed,
            candidate: c.asked,
        };
        return decision(memory(false), directive, "fewer old ones");
    }
    let taken = s.total() + c.total();
    let room = (n + view.limits.max_surge)
        .saturating_sub(taken)
        .min(n - c.asked.min(n));
    if c.asked < n && room > 0 {
        let directive = Directive::Scale {
            stable: s.asked,
            candidate: c.asked + room,
        };
        return decision(memory(false), directive, "more new ones");
    }
    if c.ready > proven {
        return decision(memory(false), watch(WATCH), "watch the group");
    }
    if c.asked < n {
        // Somebody drains and takes room.
        return decision(memory(false), watch(Millis(1_000)), "drain");
    }
    if c.ready < c.asked {
        let directive = Directive::Scale {
            stable: s.asked,
            candidate: c.asked,
        };
        return decision(memory(false), directive, "all ready");
    }
    decision(memory(true), watch(BAKE), "bake")
}

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// 0 up to `sides`, without it.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        // Source: splitmix64 by S. Vigna.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Anything at all: seeded by the number and how often it was asked.
pub(crate) fn hostile(seed: u64, view: &View) -> Decision {
    let mut generator = Dice::new(seed.wrapping_mul(1_009) + u64::from(view.decisions));
    let mut dice = |sides: u64| generator.roll(sides);
    let n = u64::from(view.instances);
    let (s, c) = (view.fleet.stable, view.fleet.candidate);
    if dice(8) > 0 {
        // What is refused ends it; most of the time it behaves, to get far.
        let room = view.limits.floor(view.instances);
        let carried = u64::from(c.ready) * 10_000 / u64::from(room);
        let directive = match dice(6) {
            0 | 1 => Directive::Scale {
                stable: s.asked - u32::from(dice(3) == 0).min(s.asked),
                candidate: (c.asked + dice(3) as u32).min(view.instances),
            },
            2 | 3 if c.ready > 0 => {
                Directive::Route(BasisPoints::saturating(carried / (1 + dice(3))))
            }
            4 if view.weight == BasisPoints::FULL => Directive::Finish {
                keep_warm: Millis(dice(10_000)),
            },
            _ => Directive::Observe {
                min: Millis(dice(3_000)),
                max: Millis(3_000),
            },
        };
        return decision(vec![0; dice(40) as usize], directive, "because");
    }
    let directive = match dice(12) {
        0..=3 => Directive::Scale {
            stable: dice(n + 1) as u32 * u32::from(dice(4) > 0),
            candidate: dice(n + 2) as u32,
        },
        4 => Directive::Scale {
            stable: view.instances,
            candidate: dice(n + 1) as u32,
        },
        5..=7 => Directive::Route(BasisPoints::saturating(
            [0, 1, 100, 500, 5_000, 9_999, 10_000][dice(7) as usize],
        )),
        8..=9 => Directive::Observe {
            min: Millis(dice(3_000)),
            max: Millis(dice(6_000)),
        },
        10 => Directive::Hold {
            reason: "h".into(),
            timeout: Millis(dice(2_000)),
        },
        _ => Directive::Finish {
            keep_warm: Millis(dice(10_000)),
        },
    };
    decision(vec![0; dice(40) as usize], directive, "because")
}
