//! Projects in TypeScript: compiled by `tsc`, made a component by `jco` with
//! QuickJS inside.

use std::path::{Path, PathBuf};

use baepo_runtime::plugin::Hook;

use super::File;

/// What there is a template for.
pub(super) const HOOKS: [Hook; 2] = [Hook::Strategy, Hook::Monitor];

const MANIFEST: &str =
    include_str!("../../../../../plugins/templates/typescript/project/package.json");
const COMPILER: &str =
    include_str!("../../../../../plugins/templates/typescript/project/tsconfig.json");

const STRATEGY: [(&str, &str); 3] = [
    (
        "src/plugin.ts",
        include_str!("../../../../../plugins/templates/typescript/strategy/src/plugin.ts"),
    ),
    (
        "src/steps.ts",
        include_str!("../../../../../plugins/templates/typescript/strategy/src/steps.ts"),
    ),
    (
        "src/steps.test.ts",
        include_str!("../../../../../plugins/templates/typescript/strategy/src/steps.test.ts"),
    ),
];

const MONITOR: [(&str, &str); 3] = [
    (
        "src/plugin.ts",
        include_str!("../../../../../plugins/templates/typescript/monitor/src/plugin.ts"),
    ),
    (
        "src/judge.ts",
        include_str!("../../../../../plugins/templates/typescript/monitor/src/judge.ts"),
    ),
    (
        "src/judge.test.ts",
        include_str!("../../../../../plugins/templates/typescript/monitor/src/judge.test.ts"),
    ),
];

const README: &str = r#"# @NAME@

A @HOOK@ plugin for baepo, in TypeScript. `src/plugin.ts` is what baepo calls; the interface is `wit/@HOOK@.wit`, and `npm run types` makes types of it.

    npm install        # once
    npm run build      # builds plugin.wasm
    npm run check      # and tests it: your tests, and what the hook promises

Use it in `.github/baepo.yml`:

@USE@
Worth knowing:

- An error of a hook is thrown as it is in `wit/types.wit`: `throw { tag: 'failed', val: 'why' }`. What else is thrown ends the call.
- The engine is QuickJS: no `console` (use the log), no `fetch` (use the import `http`), and `Date.now()` and `Math.random()` end the call, for a plugin has neither a clock nor chance.
- It hands 64-bit integers over as numbers and takes only numbers for them, although their type is `bigint`.
- Components of one source differ from build to build: whoever pins a digest keeps the component.
"#;

/// The project without `wit/`.
pub(super) fn files(name: &str, hook: Hook) -> Vec<File> {
    let fill = |text: &str| {
        text.replace("@USE@", usage(hook))
            .replace("@NAME@", name)
            .replace("@HOOK@", hook.name())
    };
    let mut files = vec![
        (PathBuf::from("package.json"), fill(MANIFEST)),
        (PathBuf::from("tsconfig.json"), COMPILER.to_owned()),
        (PathBuf::from("README.md"), fill(README)),
        super::about_file(hook),
        (
            PathBuf::from(".gitignore"),
            "/node_modules\n/build\n/types\n/*.wasm\n".into(),
        ),
    ];
    let sources = match hook {
        Hook::Monitor => &MONITOR,
        _ => &STRATEGY,
    };
    let sources = sources.iter();
    files.extend(sources.map(|(path, text)| (Path::new(path).to_owned(), (*text).into())));
    files
}

/// Where it stands in a configuration.
fn usage(hook: Hook) -> &'static str {
    match hook {
        Hook::Monitor => {
            "    environments:\n      production:\n        monitors: [traffic, { plugin: ./@NAME@/plugin.wasm, with: { limit: 2 } }]\n"
        }
        _ => {
            "    environments:\n      production:\n        strategy: { plugin: ./@NAME@/plugin.wasm, with: { share: 25 } }\n"
        }
    }
}
