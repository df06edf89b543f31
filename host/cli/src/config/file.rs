//! The configuration file as it is written. The JSON Schema is made of these
//! types, and so are the checks of `check.rs`: what is said here is said once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::github::GithubFile;
use super::unit::{
    AmountText, CountText, DurationText, FileNameText, InsidePathText, LiteralText, NameText,
    PercentText, PlainText, Sha256Text, SizeText, UrlPathText, VariableText, WordText,
};

/// What baepo builds, tests and releases, and how it rolls that out. Keys that
/// begin with `x-` are for values that are used elsewhere through aliases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "baepo", extend("patternProperties" = { "^x-": true }))]
pub struct ConfigFile {
    /// Name of the application. Together with an environment it names what runs where.
    #[schemars(example = &"shop")]
    pub app: NameText,
    /// How a revision becomes files.
    pub build: Option<Build>,
    /// How a revision is tested before anything is released.
    pub test: Option<Test>,
    /// How the candidate is tested while it runs and before it gets traffic.
    pub verify: Option<Test>,
    /// What belongs to a release beside the files that were built.
    pub release: Option<ReleaseFile>,
    /// Where releases are rolled out to, by name.
    pub environments: BTreeMap<String, EnvironmentFile>,
    /// Feedback plugins: what they say of a rollout that has ended is in its
    /// report (`[builtin:digest]`). An empty list for none.
    #[schemars(example = ["builtin:digest"])]
    pub feedback: Option<Vec<PluginItem>>,
    /// What GitHub is told of a run.
    pub github: Option<GithubFile>,
}

/// One command, or a list of build plugins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Build {
    /// One command.
    Short(BuildShort),
    /// Plugins that are run one after another.
    List(Vec<PluginItem>),
}

/// Short for the plugin `builtin:command`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BuildShort {
    /// The command that builds: a list of words, or one line without shell syntax.
    #[schemars(example = &"cargo build --release")]
    pub run: Command,
    /// Files that the command makes and that belong to the release.
    #[schemars(example = ["target/release/shop"])]
    pub artifacts: Vec<InsidePathText>,
}

/// One command, or a list of test plugins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Test {
    /// One command.
    Short(TestShort),
    /// Plugins that are run one after another.
    List(Vec<PluginItem>),
}

/// Short for the plugin `builtin:junit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TestShort {
    /// The command that tests: a list of words, or one line without shell syntax.
    #[schemars(example = &"cargo nextest run --profile ci")]
    pub run: Command,
    /// The JUnit XML reports that the command writes: paths or globs.
    #[schemars(example = &"target/nextest/ci/junit.xml")]
    pub junit: OneOrMany<InsidePathText>,
}

/// A list of words, or one line that is split by quoting rules, without shell syntax.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Command {
    /// One line.
    Line(PlainText),
    /// Program and arguments.
    Words(Vec<WordText>),
}

/// One value, or a list of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// As a list.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

/// A plugin by name, path or address, or with its settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PluginItem {
    /// A built-in name, the path of a component that begins with `./`, or an
    /// address that begins with `https://` or `oci://`.
    Name(PlainText),
    /// With settings.
    Full(Box<PluginFull>),
}

/// A plugin with its settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginFull {
    /// `builtin:NAME`, the path of a component that begins with `./`, or an
    /// address that begins with `https://` or `oci://`.
    #[schemars(example = &"./plugins/mine.wasm")]
    pub plugin: PlainText,
    /// The SHA-256 that the component must have. `baepo.lock` does the same
    /// for all of them.
    pub sha256: Option<Sha256Text>,
    /// What reports call it; needed where one plugin is used twice.
    pub name: Option<NameText>,
    /// The plugin's own settings.
    pub with: Option<Map<String, Value>>,
    /// What the plugin may do. Nothing, unless it is listed here.
    pub allow: Option<AllowFile>,
    /// How much it may use.
    pub limits: Option<PluginLimitsFile>,
}

/// What a plugin may do. Nothing, unless it is listed here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowFile {
    /// Programs that it may run, with whatever they do.
    #[schemars(example = ["cargo"])]
    pub run: Option<Vec<PlainText>>,
    /// Addresses that it may speak to: scheme, host and port; `endpoints` for the
    /// instances of the rollout.
    #[schemars(example = ["https://prom.acme.dev:443"])]
    pub net: Option<Vec<PlainText>>,
    /// Paths or globs of the checkout that it may read.
    #[schemars(example = ["Cargo.lock"])]
    pub read: Option<Vec<InsidePathText>>,
    /// Paths or globs of the checkout that it may write.
    #[schemars(example = ["target"])]
    pub write: Option<Vec<InsidePathText>>,
    /// Environment variables that the programs it runs may see.
    pub env: Option<Vec<VariableText>>,
    /// Secrets that it may use, by name.
    #[schemars(example = ["PROM_TOKEN"])]
    pub secrets: Option<Vec<VariableText>>,
    /// Unix or TCP endpoints that it may exchange bytes with.
    pub socket: Option<Vec<PlainText>>,
}

/// How much a plugin may use, above all in one call.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginLimitsFile {
    /// CPU time of the plugin itself, not of the programs it runs.
    #[schemars(example = &"10s")]
    pub cpu: Option<DurationText>,
    /// Wall time, the programs that it runs included.
    #[schemars(example = &"30m")]
    pub time: Option<DurationText>,
    /// Memory of the plugin itself, all of its memories together.
    #[schemars(example = &"128MiB")]
    pub memory: Option<SizeText>,
    /// Core memories.
    #[schemars(example = 16)]
    pub memories: Option<CountText>,
    /// Core tables.
    #[schemars(example = 64)]
    pub tables: Option<CountText>,
    /// Elements of all tables together.
    #[schemars(example = 100000)]
    pub table_elements: Option<CountText>,
    /// Core instances.
    #[schemars(example = 128)]
    pub instances: Option<CountText>,
    /// Handles of resources at a time.
    #[schemars(example = 1000)]
    pub handles: Option<CountText>,
    /// Data of one exchange between the plugin and the host.
    #[schemars(example = &"8MiB")]
    pub exchange: Option<SizeText>,
    /// The answer of the hook.
    #[schemars(example = &"4MiB")]
    pub answer: Option<SizeText>,
    /// Text of the log; what is beyond is dropped, and the log says so.
    #[schemars(example = &"1MiB")]
    pub log: Option<SizeText>,
    /// Lines of the log; what is beyond is dropped, and the log says so.
    #[schemars(example = 10000)]
    pub log_lines: Option<CountText>,
    /// One file that is read or written.
    #[schemars(example = &"32MiB")]
    pub file: Option<SizeText>,
    /// HTTP requests.
    #[schemars(example = 50)]
    pub http_requests: Option<CountText>,
    /// Bodies of all HTTP requests and answers together.
    #[schemars(example = &"16MiB")]
    pub http: Option<SizeText>,
    /// Headers of one HTTP request, and of its answer.
    #[schemars(example = &"64KiB")]
    pub http_headers: Option<SizeText>,
    /// One HTTP exchange.
    #[schemars(example = &"10s")]
    pub http_timeout: Option<DurationText>,
    /// Randomness at a time.
    #[schemars(example = &"64KiB")]
    pub random: Option<SizeText>,
    /// The component itself.
    #[schemars(example = &"64MiB")]
    pub component: Option<SizeText>,
    /// Time to compile the component.
    #[schemars(example = &"2m")]
    pub compile: Option<DurationText>,
}

/// What belongs to a release beside the files that were built.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReleaseFile {
    /// Config files, rendered for each environment.
    pub files: Option<Vec<TemplateFile>>,
    /// Environment variables of every instance in every environment.
    #[schemars(example = serde_json::json!({ "RUST_LOG": "info" }))]
    pub env: Option<BTreeMap<String, EnvValue>>,
}

/// A config file made of a template.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TemplateFile {
    /// Path of the template (Jinja syntax; knows app, environment, revision, env).
    #[schemars(example = &"deploy/shop.toml.j2")]
    pub template: InsidePathText,
    /// File name inside the release.
    #[schemars(example = &"shop.toml")]
    pub to: FileNameText,
}

/// A literal value, or the name of a secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EnvValue {
    /// As it is written.
    Literal(LiteralText),
    /// By name; the value is never part of the release.
    Secret(SecretName),
}

/// A secret by name; its value comes from the variable of this name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecretName {
    /// Name of the secret.
    #[schemars(example = &"DATABASE_URL")]
    pub secret: VariableText,
}

/// One place where releases are rolled out to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EnvironmentFile {
    /// Environments that must have succeeded before this one.
    #[schemars(example = &"staging")]
    pub needs: Option<OneOrMany<PlainText>>,
    /// GitHub events that deploy here; by default a push to the default branch
    /// and a manual run.
    #[schemars(example = ["push"])]
    pub on: Option<OneOrMany<Event>>,
    /// Whether a run may start the agent itself and stop it at its end, as for
    /// a demonstration or a preview.
    pub ephemeral: Option<bool>,
    /// Where people see what serves here. GitHub shows it.
    #[schemars(example = &"https://shop.acme.dev")]
    pub url: Option<PlainText>,
    /// Where instances live.
    #[schemars(example = serde_json::json!({ "local": { "listen": "127.0.0.1:8080", "command": ["shop"], "health": "/healthz" } }))]
    pub target: TargetFile,
    /// Who decides the steps of a rollout: direct, blue-green, canary, rolling,
    /// or a plugin of yours.
    #[schemars(example = &"canary")]
    pub strategy: PluginItem,
    /// What no strategy may exceed.
    pub limits: Option<LimitsFile>,
    /// What the strategy does when patience is over and nobody knows (hold).
    pub on_no_evidence: Option<OnNoEvidenceFile>,
    /// Who judges the candidate. The health of all instances is always asked.
    #[schemars(example = ["traffic"])]
    pub monitors: Option<Vec<PluginItem>>,
    /// Environment variables here, over those of the release.
    #[schemars(example = serde_json::json!({ "DATABASE_URL": { "secret": "DATABASE_URL" } }))]
    pub env: Option<BTreeMap<String, EnvValue>>,
    /// What a cancelled job does with its rollout (abort).
    pub on_cancel: Option<OnCancel>,
    /// Whether a person must say `baepo approve` before a release runs here
    /// (false). A run ends as waiting there, and whoever approves goes on.
    pub approve: Option<bool>,
    /// How long each step may take to be reached (10m).
    #[schemars(example = &"10m")]
    pub progress_deadline: Option<DurationText>,
    /// How long a rollout waits for a person (24h).
    #[schemars(example = &"24h")]
    pub hold_timeout: Option<DurationText>,
    /// How long a first install is watched before it counts as good (30s).
    #[schemars(example = &"30s")]
    pub first_bake: Option<DurationText>,
}

/// An event of GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A push to the default branch.
    Push,
    /// A pull request.
    PullRequest,
    /// A manual run.
    WorkflowDispatch,
}

/// Where instances live: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetFile {
    /// Processes on one machine, behind baepo's own router.
    pub local: Option<LocalFile>,
    /// A cluster. Comes in a later version.
    pub kubernetes: Option<Map<String, Value>>,
    /// A plugin that drives another place.
    #[schemars(example = &"./our-cloud/plugin.wasm")]
    pub plugin: Option<PluginItem>,
    /// How many instances a plugin is to run (1); `local` has its own.
    #[schemars(range(min = 1, max = 1000), example = 4)]
    pub instances: Option<u32>,
}

/// Processes on one machine, behind baepo's own router.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LocalFile {
    /// Where the router takes requests: address and port, or `unix:` and a path.
    #[schemars(example = &"0.0.0.0:8080")]
    pub listen: PlainText,
    /// What an instance runs. A first word that names a file of the release is
    /// that file; `{port}` is the port of the instance, also in the variable PORT.
    #[schemars(example = ["shop"])]
    pub command: Command,
    /// How many instances there are to be (1).
    #[schemars(range(min = 1, max = 1000), example = 4)]
    pub instances: Option<u32>,
    /// The path that answers 2xx when an instance is healthy.
    #[schemars(example = &"/healthz")]
    pub health: Health,
    /// How long requests may take to finish when an instance leaves (30s).
    #[schemars(example = &"30s")]
    pub drain: Option<DurationText>,
    /// How long an instance has between SIGTERM and SIGKILL (10s).
    #[schemars(example = &"10s")]
    pub stop: Option<DurationText>,
    /// Keep each user on one version: the name of a cookie for that. Without it
    /// each request is on its own.
    #[schemars(example = &"shop-seat")]
    pub sticky: Option<PlainText>,
    /// How long no run may be alive before the agent brings traffic back.
    pub watchdog: Option<WatchdogFile>,
    /// Reach the machine over SSH. Comes in a later version.
    pub ssh: Option<Map<String, Value>>,
}

/// How long no run may be alive during a rollout. Meanwhile the agent goes back
/// at once where the candidate fails by its own count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WatchdogFile {
    /// After the lease of a run that was killed has run out (2m).
    #[schemars(example = &"2m")]
    pub after_crash: Option<DurationText>,
    /// After the time at which a run that left as waiting wants to be resumed
    /// (1h).
    #[schemars(example = &"1h")]
    pub after_wait: Option<DurationText>,
}

/// How the health of an instance is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Health {
    /// The path.
    Path(UrlPathText),
    /// With times.
    Full(HealthFull),
}

/// How the health of an instance is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HealthFull {
    /// The path that answers 2xx when an instance is healthy.
    #[schemars(example = &"/healthz")]
    pub path: UrlPathText,
    /// How often it is asked (1s).
    #[schemars(example = &"1s")]
    pub interval: Option<DurationText>,
    /// How long an answer may take (1s).
    #[schemars(example = &"1s")]
    pub timeout: Option<DurationText>,
}

/// What no strategy may exceed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LimitsFile {
    /// Most instances above the wanted number (100%).
    #[schemars(example = &"100%")]
    pub max_surge: Option<AmountText>,
    /// Most instances that may be missing (0).
    #[schemars(example = 0)]
    pub max_unavailable: Option<AmountText>,
    /// Largest share of traffic before the candidate was judged healthy once (100%).
    #[schemars(example = &"5%")]
    pub max_exposure_unjudged: Option<PercentText>,
    /// Largest share of traffic while nobody watches (5%).
    #[schemars(example = &"5%")]
    pub max_exposure_unwatched: Option<PercentText>,
    /// Whether there may be a moment without any instance (false).
    pub allow_downtime: Option<bool>,
}

/// What the strategy does when patience is over and nobody knows.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnNoEvidenceFile {
    /// Wait for a person.
    Hold,
    /// Go on if all instances were healthy.
    ContinueOnHealth,
    /// Go back.
    Abort,
}

/// What a cancelled job does with its rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnCancel {
    /// Bring all traffic back.
    #[default]
    Abort,
    /// Leave the share as it is and wait for a person.
    Pause,
}
