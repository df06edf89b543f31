//! Whether somebody may say commands.

use serde::Deserialize;

use crate::config::{Commands, Permission};
use crate::github::api::{Api, ApiError};
use crate::github::place::Place;

/// Why somebody may not, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotPermitted(pub(super) String);

#[derive(Debug, Deserialize)]
struct Permitted {
    permission: String,
}

#[derive(Debug, Deserialize)]
struct Membership {
    state: String,
}

/// Whether this person may say commands here. Where GitHub does not tell,
/// nobody may.
pub(super) async fn check(
    api: &Api,
    place: &Place,
    commands: &Commands,
    login: &str,
) -> Result<(), NotPermitted> {
    let path = place.path(&format!("/collaborators/{login}/permission"));
    let permission = match api.get::<Permitted>(&path).await {
        Ok(permitted) => permitted.permission,
        Err(ApiError::Missing { .. }) => "none".into(),
        Err(error) => {
            return Err(NotPermitted(format!(
                "what {login} may do here cannot be told: {error}"
            )));
        }
    };
    let wanted: &[&str] = match commands.permission {
        Permission::Write => &["write", "admin"],
        Permission::Admin => &["admin"],
    };
    if !wanted.contains(&permission.as_str()) {
        return Err(NotPermitted(format!(
            "{login} has the permission `{permission}` for this repository, and commands need `{}`",
            wanted[0]
        )));
    }
    if commands.teams.is_empty() {
        return Ok(());
    }
    let organisation = place.repository.split('/').next().unwrap_or_default();
    for team in &commands.teams {
        let path = format!("/orgs/{organisation}/teams/{team}/memberships/{login}");
        match api.get::<Membership>(&path).await {
            Ok(membership) if membership.state == "active" => return Ok(()),
            Ok(_) | Err(ApiError::Missing { .. }) => {}
            Err(error) => {
                return Err(NotPermitted(format!(
                    "whether {login} is in the team `{team}` cannot be told; the token of a job may \
                     not read members, so give the step one that may: {error}"
                )));
            }
        }
    }
    Err(NotPermitted(format!(
        "{login} is in none of the teams that may say commands: {}",
        commands.teams.join(", ")
    )))
}
