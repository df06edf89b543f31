//! What GitHub is told of a run.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::unit::{DurationText, NameText, PlainText, parse_duration};
use crate::github::api::PATIENCE;

/// What GitHub is told of a run. Each of it needs a permission of the job, and
/// does without where that is missing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GithubFile {
    /// The comment at the pull request (update). Needs `pull-requests: write`.
    pub comment: Option<CommentMode>,
    /// The check at the commit, with remarks on its code (on). Needs `checks: write`.
    pub check: Option<Switch>,
    /// The statuses `baepo` and `baepo/ENVIRONMENT` at the commit (on). Needs
    /// `statuses: write`.
    pub status: Option<Switch>,
    /// The deployments of environments (on). Needs `deployments: write`.
    pub deployment: Option<Switch>,
    /// Labels of issues that report a regression (`[regression]`): those that
    /// mention the pull request are given to feedback plugins.
    #[schemars(example = ["regression"])]
    pub regression_labels: Option<Vec<PlainText>>,
    /// How long a run waits for GitHub where it has trouble or has had too many
    /// requests, all of it together (2m).
    #[schemars(example = &"2m")]
    pub patience: Option<DurationText>,
    /// Who may say commands in comments of pull requests. That it is there says
    /// that a workflow answers them, and the comment then names them.
    pub commands: Option<CommandsFile>,
}

/// Who may say commands in comments.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CommandsFile {
    /// What a person may do with the repository, at least (write).
    pub permission: Option<Permission>,
    /// Members of one of these teams of the organisation, and nobody else, by
    /// their short names. Needs a token that may read members.
    #[schemars(example = ["operators"])]
    pub teams: Option<Vec<NameText>>,
}

/// What a person may do with a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Push to it.
    #[default]
    Write,
    /// Everything.
    Admin,
}

/// What becomes of the comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommentMode {
    /// One comment, edited in place.
    Update,
    /// None.
    Off,
}

/// Whether there is such a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// There is.
    On,
    /// There is not.
    Off,
}

/// What GitHub is told of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    /// Whether there is a comment.
    pub comment: bool,
    /// Whether there is a check.
    pub check: bool,
    /// Whether there are statuses.
    pub status: bool,
    /// Whether there are deployments.
    pub deployment: bool,
    /// Labels of issues that report a regression.
    pub regression_labels: Vec<String>,
    /// How long a run waits for GitHub, all of it together.
    pub patience: Duration,
    /// Who may say commands, where the configuration says so.
    pub commands: Option<Commands>,
}

/// Who may say commands in comments of pull requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands {
    /// At least this.
    pub permission: Permission,
    /// Members of one of these; whoever else is permitted where there is none.
    pub teams: Vec<String>,
}

impl From<GithubFile> for Github {
    fn from(file: GithubFile) -> Github {
        let is_on = |switch: Option<Switch>| switch != Some(Switch::Off);
        let patience = file.patience.and_then(|text| parse_duration(&text.0).ok());
        let labels = file
            .regression_labels
            .map(|labels| labels.into_iter().map(|label| label.0));
        Github {
            comment: file.comment != Some(CommentMode::Off),
            check: is_on(file.check),
            status: is_on(file.status),
            deployment: is_on(file.deployment),
            regression_labels: labels
                .map_or_else(|| vec!["regression".to_owned()], Iterator::collect),
            patience: patience.map_or(PATIENCE, |time| time.to_duration()),
            commands: file.commands.map(|commands| Commands {
                permission: commands.permission.unwrap_or_default(),
                teams: commands
                    .teams
                    .into_iter()
                    .flatten()
                    .map(|team| team.0)
                    .collect(),
            }),
        }
    }
}
