//! `baepo plugin bindings`: what stands between a compiler and the canonical ABI,
//! for languages whose own generators an author would have to install.

use std::path::{Path, PathBuf};

use anyhow::Context;
use baepo_bindgen::{BindgenError, BindingFile};
use baepo_runtime::plugin::{Hook, wit_files};

use super::about;
use crate::exit::Exit;

/// Make the bindings of a project anew, after its baepo has become a newer one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// go or c; other languages have generators of their own
    #[arg(long)]
    lang: String,
    /// build, test, strategy, monitor, target or feedback; else what
    /// baepo-plugin.yml says
    #[arg(long)]
    hook: Option<String>,
    /// The folder that they go to
    #[arg(long, short, default_value = FOLDER)]
    output: PathBuf,
}

/// Where projects have them.
const FOLDER: &str = "baepo";

type Generator = fn(&[(&str, &str)], &str) -> Result<Vec<BindingFile>, BindgenError>;

fn generator(language: &str) -> Option<Generator> {
    match language {
        "c" => Some(baepo_bindgen::c),
        "go" => Some(baepo_bindgen::go),
        _ => None,
    }
}

/// The bindings of a hook as files of a project; none for a language that needs
/// none.
///
/// # Errors
/// When they cannot be made, which is a mistake of this program.
pub(super) fn files(language: &str, hook: Hook) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let Some(generate) = generator(language) else {
        return Ok(Vec::new());
    };
    let wit: Vec<(&str, &str)> = wit_files().collect();
    let files = generate(&wit, &format!("{hook}-plugin"))
        .with_context(|| format!("cannot make bindings of {hook} for {language}"))?;
    let place = |file: BindingFile| (Path::new(FOLDER).join(file.name), file.content);
    Ok(files.into_iter().map(place).collect())
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if generator(&args.lang).is_none() {
        let what = format!("no bindings are made for {}", args.lang);
        super::complain(&what, "go or c; for others see docs/plugins.md");
        return Ok(Exit::Usage);
    }
    let said = match &args.hook {
        Some(name) => Some(name.clone()),
        None => match about::read(Path::new(about::FILE_NAME)) {
            Ok(about) => about.hook.map(|hook| hook.name().to_owned()),
            Err(findings) => {
                crate::complain(&findings.render(crate::config::is_stderr_coloured()));
                return Ok(Exit::Usage);
            }
        },
    };
    let Some(hook) = said.as_deref().and_then(about::parse_hook) else {
        let (what, help) = match said {
            Some(name) => (format!("`{name}` is no hook"), about::hooks(&name)),
            None => {
                let what = "nothing says which hook it is".into();
                (what, format!("--hook with {}", about::hooks("")))
            }
        };
        super::complain(&what, &help);
        return Ok(Exit::Usage);
    };
    let output = &args.output;
    std::fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    let mut names = Vec::new();
    for (path, content) in files(&args.lang, hook)? {
        let path = output.join(path.file_name().unwrap_or_default());
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
        names.push(path.display().to_string());
    }
    crate::print(&format!("wrote {}", names.join(", ")));
    Ok(Exit::Success)
}
