//! What is asked for, changed on its way to the fleet.

use baepo_core::fleet::Route;
use baepo_core::rollout::Operation;

use super::case::{NEW, OLD};

/// How a host could go wrong: what it asks for is changed on its way. Each must
/// be noticed by a checker, or the checkers check nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Every split gives everything to the candidate.
    AllToCandidate,
    /// Traffic never goes back.
    NeverBack,
    /// One instance more than asked for, and another n.
    TooMany,
    /// The candidate's instances stop when they are to grow.
    StopsWhatServes,
    /// Stable loses all but one instance with the first scale.
    TooFew,
    /// A route is asked for twice on the way back.
    TwoCallsBack,
    /// A record is lost.
    LosesRecord,
}

impl Mutant {
    pub(crate) const ALL: [Mutant; 7] = [
        Mutant::AllToCandidate,
        Mutant::NeverBack,
        Mutant::TooMany,
        Mutant::StopsWhatServes,
        Mutant::TooFew,
        Mutant::TwoCallsBack,
        Mutant::LosesRecord,
    ];

    pub(super) fn change(self, operation: Operation, n: u32) -> Operation {
        match (self, operation) {
            (Mutant::AllToCandidate, Operation::Route { route }) if route.shares().len() == 2 => {
                Operation::Route {
                    route: Route::all(NEW),
                }
            }
            (Mutant::NeverBack, Operation::Route { route }) if route == Route::all(OLD) => {
                Operation::Route {
                    route: Route::all(NEW),
                }
            }
            (Mutant::TooMany, Operation::Scale { digest, instances }) => Operation::Scale {
                digest,
                instances: instances + n + 1,
            },
            (
                Mutant::StopsWhatServes,
                Operation::Scale {
                    digest,
                    instances: 1..,
                },
            ) => {
                let digest = if digest == NEW { OLD } else { digest };
                Operation::Scale {
                    digest,
                    instances: 0,
                }
            }
            (Mutant::TooFew, Operation::Scale { .. }) => Operation::Scale {
                digest: OLD,
                instances: 1,
            },
            (_, operation) => operation,
        }
    }
}
