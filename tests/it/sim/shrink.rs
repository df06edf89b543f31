//! From a case that fails to the smallest one that still does.

use baepo_core::rollout::OnNoEvidence;
use baepo_core::time::Millis;

use super::case::{Case, Evidence, Tests};

/// Why a case fails; `None` where it does not.
pub(crate) type Fails<'a> = dyn Fn(&Case) -> Option<String> + 'a;

/// Makes a case simpler, one thing at a time, as long as it fails.
pub(crate) fn shrink(case: &Case, why: String, fails: &Fails<'_>) -> (Case, String) {
    let mut found = (case.clone(), why);
    while let Some(simpler) = simpler(&found.0)
        .into_iter()
        .find_map(|case| fails(&case).map(|why| (case, why)))
    {
        found = simpler;
    }
    found
}

/// Cases that are simpler in one thing, the simplest first.
fn simpler(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for place in 0..case.events.len() {
        let mut fewer = case.clone();
        fewer.events.remove(place);
        cases.push(fewer);
    }
    if case.n > 1 {
        for n in [1, case.n / 2, case.n - 1] {
            cases.push(case.clone().with(|case| case.n = n));
        }
    }
    cases.push(case.clone().with(|case| case.evidence = Evidence::Healthy));
    cases.push(case.clone().with(|case| case.tests = Tests::None));
    cases.push(case.clone().with(|case| case.policy = OnNoEvidence::Hold));
    cases.push(case.clone().with(|case| case.unavailable = 0));
    cases.push(case.clone().with(|case| case.unjudged = 10_000));
    cases.push(case.clone().with(|case| case.grain = 1));
    for place in 0..case.events.len() {
        cases.push(
            case.clone()
                .with(|case| case.events[place].after = Millis(0)),
        );
        if case.events[place].decision > 1 {
            cases.push(case.clone().with(|case| case.events[place].decision -= 1));
        }
    }
    let name = case.to_string();
    cases.retain(|simpler| simpler.to_string() != name);
    cases
}
