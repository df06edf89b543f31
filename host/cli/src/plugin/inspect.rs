//! `baepo plugin inspect`: what a component is and wants, without running
//! anything of it.

use std::path::PathBuf;

use baepo_runtime::plugin::{Inspection, inspect};
use baepo_runtime::supply::Remote;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::wished;
use crate::exit::Exit;
use crate::plugins::BUILTINS;

/// The name of the JSON document and the version of its shape.
const FORMAT: &str = "baepo-plugin-1";

/// What a component is and wants.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file, `builtin:NAME`, or an address with https:// or oci://.
    #[arg(value_name = "FILE|REF")]
    plugin: String,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// How to print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document on one line.
    Json,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let bytes = match bytes(&args.plugin).await? {
        Ok(bytes) => bytes,
        Err(exit) => return Ok(exit),
    };
    let seen = match inspect(&bytes, super::MAX_COMPONENT_BYTES) {
        Ok(seen) => seen,
        Err(error) => return Ok(super::refuse_component(&args.plugin, &error)),
    };
    match args.output {
        Output::Text => crate::print(text(&args.plugin, &seen).trim_end()),
        Output::Json => crate::print(&json(&args.plugin, &seen).to_string()),
    }
    Ok(Exit::Success)
}

/// The component, or how the command ends without it.
pub(super) async fn bytes(plugin: &str) -> anyhow::Result<Result<Vec<u8>, Exit>> {
    if Remote::is_meant_by(plugin) {
        let remote: Remote = match plugin.parse() {
            Ok(remote) => remote,
            Err(error) => {
                super::complain(&error.to_string(), "");
                return Ok(Err(Exit::Usage));
            }
        };
        let fetched = match super::supply::fetcher() {
            Ok(fetcher) => fetcher.resolve(&remote).await,
            Err(error) => Err(error),
        };
        return Ok(match fetched {
            Ok(fetched) => Ok(fetched.bytes),
            Err(error) => Err(super::refuse_fetch(&error)),
        });
    }
    if let Some(name) = plugin.strip_prefix("builtin:") {
        let known = BUILTINS.iter().find(|(known, _)| *known == name);
        return Ok(known.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| {
            let names: Vec<&str> = BUILTINS.iter().map(|(name, _)| *name).collect();
            let help = format!("one of: {}", names.join(", "));
            super::complain(&format!("there is no built-in plugin `{name}`"), &help);
            Exit::Usage
        }));
    }
    Ok(read_file(&PathBuf::from(plugin)))
}

/// A file of at most the size of a plugin.
pub(super) fn read_file(path: &std::path::Path) -> Result<Vec<u8>, Exit> {
    use std::io::Read;
    let read = std::fs::File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        let most = super::MAX_COMPONENT_BYTES as u64 + 1;
        file.take(most).read_to_end(&mut bytes).map(|_| bytes)
    });
    read.map_err(|error| {
        let what = format!("{} cannot be read: {error}", path.display());
        super::complain(&what, "");
        Exit::Usage
    })
}

fn text(plugin: &str, seen: &Inspection) -> String {
    let mut text = format!("{plugin}\n");
    let mut row = |name: &str, value: &str| text.push_str(&format!("  {name:<9}{value}\n"));
    row("digest", &seen.digest.to_string());
    row("size", &format!("{} bytes", seen.size_bytes));
    let hooks: Vec<&str> = seen.hooks.iter().map(|hook| hook.name()).collect();
    row(
        "hooks",
        &match hooks.is_empty() {
            true => "none: it cannot be used as a plugin".to_owned(),
            false => hooks.join(", "),
        },
    );
    let list = |names: &[String]| match names.is_empty() {
        true => vec!["nothing".to_owned()],
        false => names.to_vec(),
    };
    let wasi = match seen.wasi().count() {
        0 => "not used".to_owned(),
        n => format!("{n} interfaces, all of them empty: no files, no network, no environment"),
    };
    let wishes = match &seen.wishes {
        None => vec![wished::UNSTATED.to_owned()],
        Some(wishes) if wishes.list().is_empty() => vec!["nothing".to_owned()],
        Some(wishes) => wished::lines(wishes),
    };
    for (name, values) in [
        ("exports", list(&seen.exports)),
        ("imports", list(&seen.imports)),
        ("WASI", vec![wasi]),
        ("wishes", wishes),
    ] {
        for (i, value) in values.iter().enumerate() {
            row(if i == 0 { name } else { "" }, value);
        }
    }
    text
}

fn json(plugin: &str, seen: &Inspection) -> Value {
    json!({
        "format": FORMAT,
        "plugin": plugin,
        "digest": seen.digest.to_string(),
        "size-bytes": seen.size_bytes,
        "hooks": seen.hooks,
        "exports": seen.exports,
        "imports": seen.imports,
        "wasi": seen.wasi().collect::<Vec<_>>(),
        "wishes": seen.wishes.as_ref().map(|wishes| wishes.list()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use baepo_core::digest::Digest;
    use baepo_runtime::capability::Capability;
    use baepo_runtime::plugin::Hook;
    use baepo_runtime::plugin::wishes::{Wish, Wishes};
    use expect_test::expect;

    fn seen() -> Inspection {
        let wish = Wish {
            capability: Capability::Net,
            scope: "https://prom.acme.dev".into(),
            reason: "it asks for numbers".into(),
        };
        Inspection {
            digest: Digest::from_bytes([0xab; 32]),
            size_bytes: 4711,
            hooks: [Hook::Monitor].into(),
            exports: vec!["baepo:hooks/monitor@0.1.0".into()],
            imports: vec![
                "baepo:hooks/log@0.1.0".into(),
                "wasi:cli/stdout@0.2.3".into(),
            ],
            wishes: Some(Wishes::new(vec![wish]).unwrap()),
        }
    }

    #[test]
    fn what_can_be_seen_is_shown() {
        expect![[r#"
            ./check.wasm
              digest   sha256:abababababababababababababababababababababababababababababababab
              size     4711 bytes
              hooks    monitor
              exports  baepo:hooks/monitor@0.1.0
              imports  baepo:hooks/log@0.1.0
                       wasi:cli/stdout@0.2.3
              WASI     1 interfaces, all of them empty: no files, no network, no environment
              wishes   net https://prom.acme.dev: it asks for numbers
        "#]]
        .assert_eq(&text("./check.wasm", &seen()));
    }

    #[test]
    fn the_document_has_a_version_and_says_where_nothing_is_stated() {
        let value = json("./check.wasm", &seen());
        expect![[r#"{"format":"baepo-plugin-1","plugin":"./check.wasm","digest":"sha256:abababababababababababababababababababababababababababababababab","size-bytes":4711,"hooks":["monitor"],"exports":["baepo:hooks/monitor@0.1.0"],"imports":["baepo:hooks/log@0.1.0","wasi:cli/stdout@0.2.3"],"wasi":["wasi:cli/stdout@0.2.3"],"wishes":[{"capability":"net","scope":"https://prom.acme.dev","reason":"it asks for numbers"}]}"#]]
        .assert_eq(&value.to_string());
        let unstated = Inspection {
            wishes: None,
            ..seen()
        };
        assert_eq!(json("x", &unstated)["wishes"], Value::Null);
    }
}
