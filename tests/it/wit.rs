//! The package that host and plugins share, as an author reads it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use wit_parser::{Docs, Interface, Resolve, TypeDefKind, WorldItem, WorldKey};

fn resolve() -> Result<Resolve> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut resolve = Resolve::default();
    resolve
        .push_dir(&folder)
        .context("the WIT package parses")?;
    Ok(resolve)
}

/// The interfaces of `baepo:hooks` with their names.
fn interfaces(resolve: &Resolve) -> impl Iterator<Item = (&str, &Interface)> {
    resolve.interfaces.iter().filter_map(|(_, interface)| {
        let package = &resolve.packages[interface.package?].name;
        (package.namespace == "baepo").then_some((interface.name.as_deref()?, interface))
    })
}

/// The names that a world imports and that it exports.
fn sides(resolve: &Resolve, world: &str) -> Result<(Vec<String>, Vec<String>)> {
    let found = resolve.worlds.iter().find(|(_, known)| known.name == world);
    let (_, world) = found.with_context(|| format!("no world `{world}`"))?;
    let names = |items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        items.map(|(key, _)| resolve.name_world_key(key)).collect()
    };
    Ok((
        names(&mut world.imports.iter()),
        names(&mut world.exports.iter()),
    ))
}

#[test]
fn every_hook_has_a_world_of_its_own() -> Result<()> {
    let resolve = resolve()?;
    for hook in ["build", "test", "strategy", "monitor", "target", "feedback"] {
        let (_, exports) = sides(&resolve, &format!("{hook}-plugin"))?;
        ensure!(
            exports == [format!("baepo:hooks/{hook}@0.1.0")],
            "{hook}: {exports:?}"
        );
    }
    Ok(())
}

#[test]
fn a_strategy_sees_nothing_but_its_view_and_the_log() -> Result<()> {
    let (imports, _) = sides(&resolve()?, "strategy-plugin")?;
    for import in imports {
        let known = ["types", "log"].map(|name| format!("baepo:hooks/{name}@0.1.0"));
        ensure!(known.contains(&import), "a strategy imports {import}");
    }
    Ok(())
}

#[test]
fn no_world_has_functions_of_its_own() -> Result<()> {
    for (_, world) in &resolve()?.worlds {
        for item in world.imports.values().chain(world.exports.values()) {
            ensure!(
                !matches!(item, WorldItem::Function(_)),
                "{} has a bare function",
                world.name
            );
        }
    }
    Ok(())
}

#[test]
fn everything_that_an_author_sees_is_documented() -> Result<()> {
    let resolve = resolve()?;
    let mut bare = Vec::new();
    let mut need = |docs: &Docs, name: String| {
        if docs
            .contents
            .as_deref()
            .unwrap_or_default()
            .trim()
            .is_empty()
        {
            bare.push(name);
        }
    };
    for (name, interface) in interfaces(&resolve) {
        need(&interface.docs, name.to_owned());
        for (function, definition) in &interface.functions {
            need(&definition.docs, format!("{name}.{function}"));
        }
        for (type_name, id) in &interface.types {
            let definition = &resolve.types[*id];
            let members: Vec<(&Docs, &str)> = match &definition.kind {
                TypeDefKind::Record(record) => record
                    .fields
                    .iter()
                    .map(|f| (&f.docs, f.name.as_str()))
                    .collect(),
                TypeDefKind::Variant(variant) => variant
                    .cases
                    .iter()
                    .map(|c| (&c.docs, c.name.as_str()))
                    .collect(),
                // A name that comes from another interface is documented there.
                TypeDefKind::Type(_) => continue,
                // The cases of an enum are plain words, explained together.
                _ => Vec::new(),
            };
            need(&definition.docs, format!("{name}.{type_name}"));
            for (docs, member) in members {
                need(docs, format!("{name}.{type_name}.{member}"));
            }
        }
    }
    ensure!(bare.is_empty(), "without a word of documentation: {bare:?}");
    Ok(())
}
