//! Which surfaces of GitHub got the report, and what became of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::api::ApiError;

/// Something at GitHub that shows a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surface {
    /// The comment of a pull request.
    Comment,
    /// The check run of a commit.
    Check,
    /// The statuses of a commit.
    Status,
    /// The deployments of environments.
    Deployment,
    /// What people say, which is read and not told.
    Feedback,
}

impl Surface {
    fn name(self) -> &'static str {
        match self {
            Surface::Comment => "comment",
            Surface::Check => "check",
            Surface::Status => "status",
            Surface::Deployment => "deployment",
            Surface::Feedback => "feedback",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Told,
    Off(String),
    Failed(ApiError),
}

/// What became of each surface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    fates: BTreeMap<Surface, Fate>,
    /// Those that do not have the newest yet.
    due: BTreeSet<Surface>,
}

impl Delivery {
    /// There is something new for these.
    pub(super) fn expect(&mut self, surfaces: impl IntoIterator<Item = Surface>) {
        self.due = surfaces.into_iter().collect();
    }

    /// A surface has the newest, as far as it takes it.
    pub(super) fn met(&mut self, surface: Surface) {
        self.due.remove(&surface);
    }

    /// There was no time for those that do not have the newest.
    pub(super) fn cut_short(&mut self) {
        for surface in std::mem::take(&mut self.due) {
            self.note::<()>(surface, Err(ApiError::Cancelled));
        }
    }

    /// Note what came of telling a surface.
    pub fn note<T>(&mut self, surface: Surface, result: Result<T, ApiError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.fates.insert(surface, Fate::Told);
                Some(value)
            }
            Err(error) => {
                self.fates.insert(surface, Fate::Failed(error));
                None
            }
        }
    }

    /// What became of the same surfaces elsewhere: that something failed is more
    /// worth telling than that something else did not.
    pub(super) fn take_in(&mut self, other: Delivery) {
        for (surface, fate) in other.fates {
            match fate {
                Fate::Failed(_) => {
                    self.fates.insert(surface, fate);
                }
                Fate::Told | Fate::Off(_) => {
                    self.fates.entry(surface).or_insert(fate);
                }
            }
        }
    }

    /// Note that a surface is not told, and why, in a few words.
    pub fn leave_off(&mut self, surface: Surface, why: &str) {
        self.fates
            .entry(surface)
            .or_insert_with(|| Fate::Off(why.to_owned()));
    }

    /// Whether there is no use in telling a surface again: the token will not
    /// get more rights.
    pub fn is_shut(&self, surface: Surface) -> bool {
        let fate = self.fates.get(&surface);
        matches!(
            fate,
            Some(Fate::Failed(
                ApiError::Forbidden { .. } | ApiError::Missing { .. }
            ))
        )
    }

    /// Whether a surface shows the report.
    pub fn is_told(&self, surface: Surface) -> bool {
        self.fates.get(&surface) == Some(&Fate::Told)
    }

    /// Names of the surfaces that should have been told and were not.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self
            .fates
            .iter()
            .filter(|(_, fate)| matches!(fate, Fate::Failed(_)));
        failed.map(|(surface, _)| surface.name()).collect()
    }

    /// Each surface and what became of it, plain text without line ends.
    pub fn parts(&self) -> Vec<String> {
        self.fates
            .iter()
            .map(|(surface, fate)| self.part(*surface, fate))
            .collect()
    }

    fn part(&self, surface: Surface, fate: &Fate) -> String {
        let name = surface.name();
        match fate {
            Fate::Told => format!("{name} ✅"),
            Fate::Off(why) => format!("{name} off ({why})"),
            Fate::Failed(error) if surface == Surface::Feedback => {
                format!("⚠ {name} not read: {error}")
            }
            Fate::Failed(error) => {
                let instead = match surface {
                    Surface::Comment if self.is_told(Surface::Check) => {
                        "; the check and the summary say the same"
                    }
                    Surface::Comment => "; the summary says the same",
                    Surface::Check => "; remarks on the code are in the log",
                    Surface::Status | Surface::Deployment | Surface::Feedback => "",
                };
                format!("⚠ {name} not told: {error}{instead}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_surface_says_what_became_of_it_and_what_stands_in() {
        let forbidden = || ApiError::Forbidden {
            message: "Resource not accessible by integration".into(),
            permissions: Some("pull_requests=write".into()),
        };
        let mut delivery = Delivery::default();
        delivery.note::<()>(Surface::Comment, Err(forbidden()));
        delivery.note(Surface::Check, Ok(()));
        delivery.leave_off(Surface::Status, "configured so");
        delivery.leave_off(Surface::Check, "too late");
        assert_eq!(
            delivery.parts().join(" · "),
            "⚠ comment not told: the token may not do that, it would need pull_requests=write: \
             Resource not accessible by integration; the check and the summary say the same · \
             check ✅ · status off (configured so)"
        );
        assert_eq!(delivery.failed(), ["comment"]);
        delivery.expect([Surface::Check, Surface::Status]);
        delivery.met(Surface::Check);
        delivery.cut_short();
        assert_eq!(delivery.failed(), ["comment", "status"]);
        assert!(delivery.is_shut(Surface::Comment) && !delivery.is_shut(Surface::Check));
    }
}
