//! Which surfaces of GitHub got the report, and what became of the others.

use std::collections::BTreeMap;

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
pub struct Delivery(BTreeMap<Surface, Fate>);

impl Delivery {
    /// Note what came of telling a surface.
    pub fn note<T>(&mut self, surface: Surface, result: Result<T, ApiError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.0.insert(surface, Fate::Told);
                Some(value)
            }
            Err(error) => {
                self.0.insert(surface, Fate::Failed(error));
                None
            }
        }
    }

    /// Note that a surface is not told, and why, in a few words.
    pub fn leave_off(&mut self, surface: Surface, why: &str) {
        self.0
            .entry(surface)
            .or_insert_with(|| Fate::Off(why.to_owned()));
    }

    /// Whether there is no use in telling a surface again: the token will not
    /// get more rights.
    pub fn is_shut(&self, surface: Surface) -> bool {
        let fate = self.0.get(&surface);
        matches!(
            fate,
            Some(Fate::Failed(
                ApiError::Forbidden { .. } | ApiError::Missing { .. }
            ))
        )
    }

    /// Whether a surface shows the report.
    pub fn is_told(&self, surface: Surface) -> bool {
        self.0.get(&surface) == Some(&Fate::Told)
    }

    /// Names of the surfaces that should have been told and were not.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self
            .0
            .iter()
            .filter(|(_, fate)| matches!(fate, Fate::Failed(_)));
        failed.map(|(surface, _)| surface.name()).collect()
    }

    /// Each surface and what became of it, plain text without line ends.
    pub fn parts(&self) -> Vec<String> {
        self.0
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
        assert!(delivery.is_shut(Surface::Comment) && !delivery.is_shut(Surface::Check));
    }
}
