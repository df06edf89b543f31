//! What users write under `with:`.

use baepo_plugin::config::{Config, Fields};
use baepo_plugin::process::Invocation;
use baepo_plugin::units::Percent;

/// A program and its arguments.
pub(crate) type Program = Vec<String>;

/// The programs, and what is the same for all of them.
pub(crate) struct Settings {
    pub(crate) observe: Program,
    pub(crate) stage: Program,
    pub(crate) scale: Program,
    pub(crate) route: Program,
    pub(crate) discard: Program,
    pub(crate) missing: Option<Program>,
    pub(crate) upload: Option<Program>,
    pub(crate) telemetry: Option<Program>,
    pub(crate) logs: Option<Program>,
    /// Keep the document of the plugin, both or neither; without them the host
    /// does.
    pub(crate) document: Option<Document>,
    /// Variables, folder and time of each program.
    pub(crate) surroundings: Invocation,
    /// For people.
    pub(crate) name: String,
    /// The smallest share of traffic that `route` can make.
    pub(crate) weight_granularity: Percent,
}

/// The programs that keep the document.
pub(crate) struct Document {
    pub(crate) load: Program,
    pub(crate) save: Program,
}

impl Config for Settings {
    fn read(fields: &mut Fields) -> Settings {
        let settings = Settings {
            observe: required(fields, "observe"),
            stage: required(fields, "stage"),
            scale: required(fields, "scale"),
            route: required(fields, "route"),
            discard: required(fields, "discard"),
            missing: program(fields, "missing"),
            upload: program(fields, "upload"),
            telemetry: program(fields, "telemetry"),
            logs: program(fields, "logs"),
            document: document(fields),
            surroundings: Invocation::read_surroundings(fields),
            name: String::new(),
            weight_granularity: Percent(100),
        };
        if settings.missing.is_some() && settings.upload.is_none() {
            fields.problem("missing", "needs `upload`, which takes what is missing");
        }
        let described = fields.block("describe", |fields| {
            let granularity = fields.or("weight-granularity", Percent(100));
            if granularity == Percent(0) {
                fields.problem("weight-granularity", "must be more than nothing");
            }
            (fields.or("name", String::new()), granularity)
        });
        let (name, weight_granularity) = described.unwrap_or_default();
        Settings {
            name: match name.is_empty() {
                true => format!("the place of `{}`", settings.observe.join(" ")),
                false => name,
            },
            weight_granularity,
            ..settings
        }
    }
}

fn document(fields: &mut Fields) -> Option<Document> {
    let (load, save) = (program(fields, "load"), program(fields, "save"));
    match (load, save) {
        (Some(load), Some(save)) => Some(Document { load, save }),
        (None, None) => None,
        (Some(_), None) => {
            fields.problem("load", "needs `save`, which keeps what it answers");
            None
        }
        (None, Some(_)) => {
            fields.problem("save", "needs `load`, which answers what it kept");
            None
        }
    }
}

fn required(fields: &mut Fields, key: &'static str) -> Program {
    program(fields, key).unwrap_or_else(|| vec!["./deploy".into(), key.into()])
}

fn program(fields: &mut Fields, key: &'static str) -> Option<Program> {
    let argv: Program = fields.list(key)?;
    let is_named = argv.first().is_some_and(|name| !name.trim().is_empty());
    if !is_named && fields.is_fine(key) {
        let example = format!("expected for example `[./deploy, {key}]`");
        fields.problem(key, format!("names no program, {example}"));
    }
    Some(argv)
}
