//! Which environment comes after which, and which get in each other's way.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::file::OneOrMany;
use super::finding::check_spelling;
use super::model::{Environment, Listen, LocalTarget};
use super::resolve::Resolver;
use super::unit::PlainText;

impl Resolver<'_> {
    pub(crate) fn resolve_needs(
        &mut self,
        name: &str,
        needs: Option<OneOrMany<PlainText>>,
        names: &[String],
    ) -> Vec<String> {
        let is_one = matches!(needs, Some(OneOrMany::One(_)));
        let needs = needs.map_or_else(Vec::new, OneOrMany::into_vec);
        for (i, need) in needs.iter().enumerate() {
            let need = &need.0;
            let others = || {
                names
                    .iter()
                    .map(String::as_str)
                    .filter(|other| *other != name)
            };
            let wrong = if need == name {
                Some((
                    "an environment cannot need itself".to_owned(),
                    String::new(),
                ))
            } else if !names.contains(need) {
                let help = match check_spelling(need, others()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if others().next().is_none() => "there is no other one".to_owned(),
                    None => format!(
                        "known environments: {}",
                        others().collect::<Vec<_>>().join(", ")
                    ),
                };
                Some((format!("there is no environment `{need}`"), help))
            } else {
                None
            };
            if let Some((message, help)) = wrong {
                let at = match is_one {
                    true => format!("environments.{name}.needs"),
                    false => format!("environments.{name}.needs.{i}"),
                };
                self.find(&at, message, help);
            }
        }
        needs.into_iter().map(|need| need.0).collect()
    }

    pub(crate) fn check_listeners(&mut self, environments: &[Environment]) {
        for (i, environment) in environments.iter().enumerate() {
            let Some(LocalTarget { listen, .. }) = environment.target.local() else {
                continue;
            };
            let is_free = matches!(listen, Listen::Tcp(address) if address.port() == 0);
            let twin = environments[..i]
                .iter()
                .find(|other| other.target.local().is_some_and(|o| o.listen == *listen));
            if let Some(twin) = twin.filter(|_| !is_free && *listen != Listen::Unix(PathBuf::new()))
            {
                let message = format!("environment `{}` listens there too", twin.name);
                self.find(
                    &format!("environments.{}.target.local.listen", environment.name),
                    message,
                    "give each environment an address of its own",
                );
            }
        }
    }

    /// Each environment after those that it needs.
    pub(crate) fn resolve_order(&mut self, environments: Vec<Environment>) -> Vec<Environment> {
        let mut waiting = environments;
        let mut ordered: Vec<Environment> = Vec::new();
        loop {
            let names: BTreeSet<String> = waiting.iter().map(|e| e.name.clone()).collect();
            let is_next = |e: &Environment| {
                e.needs
                    .iter()
                    .all(|need| need == &e.name || !names.contains(need))
            };
            let Some(next) = waiting.iter().position(is_next) else {
                break;
            };
            ordered.push(waiting.remove(next));
        }
        if let Some(cycle) = waiting.first().map(|first| trace_cycle(&waiting, first)) {
            let message = format!(
                "these environments wait for each other: {}",
                cycle.join(" → ")
            );
            self.find(
                &format!("environments.{}.needs", cycle[0]),
                message,
                "remove one of the `needs`",
            );
        }
        ordered
    }
}

/// The names along a cycle, the first one again at the end. Every environment
/// that waits needs another that waits, so that following needs comes round.
fn trace_cycle(waiting: &[Environment], first: &Environment) -> Vec<String> {
    let mut path = vec![first.name.clone()];
    let mut at = first;
    loop {
        let next = waiting
            .iter()
            .find(|e| e.name != at.name && at.needs.contains(&e.name));
        let Some(next) = next else {
            return path;
        };
        if let Some(i) = path.iter().position(|name| *name == next.name) {
            let mut cycle = path.split_off(i);
            cycle.push(next.name.clone());
            return cycle;
        }
        path.push(next.name.clone());
        at = next;
    }
}
