//! What other toolchains make of their own accord, with a WASI that they need.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Author, wanted};
use crate::host::packed;

/// A plugin that uses what its engine has of an outside.
const PLAIN: &str = r"
import { log } from 'baepo:hooks/log@0.1.0';
export const feedback = {
  respond(request) {
    log('info', 'asked', []);
    console.log('printed', Date.now() > 0 && Math.random() < 2);
    return [{ title: request.rollout.environment, body: 'plain' }];
  },
};
";

impl Author {
    fn makes_strategy(&self, language: &str) -> PathBuf {
        let new = format!("baepo plugin new --lang {language} --hook strategy ordinary");
        self.types_well(&new, self.folder.path());
        self.folder.path().join("ordinary")
    }

    #[track_caller]
    fn types_well(&self, words: &str, within: &Path) -> String {
        self.succeeds(&words.split(' ').collect::<Vec<_>>(), within)
    }

    fn types_wrong(&self, words: &str, within: &Path) -> Output {
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(within);
        self.output_of(&mut command, &[])
    }
}

/// SpiderMonkey, with 18 interfaces of WASI 0.2.
#[test]
fn a_component_of_an_ordinary_toolchain_works() {
    let Some(author) = wanted() else {
        return;
    };
    let project = author.makes_strategy("javascript");
    author.types_well("npm install --no-audit --no-fund", &project);
    std::fs::write(project.join("plain.js"), PLAIN).unwrap();
    author.types_well(
        "node_modules/.bin/jco componentize plain.js -w wit -n feedback-plugin -o plain.wasm",
        &project,
    );
    let pack = "baepo plugin pack plain.wasm --about none --output plugin.wasm";
    let packed = author.types_well(pack, &project);
    assert!(packed.contains("its WASI is an empty one"), "{packed}");
    std::fs::write(project.join("ended.json"), packed::question()).unwrap();
    let run = "baepo plugin run feedback --plugin plugin.wasm --input ended.json";
    let answered = author.types_well(run, &project);
    for words in ["\"title\": \"production\"", "plugin | printed true"] {
        assert!(answered.contains(words), "{answered}");
    }
}

/// CPython, which wants sockets unless it is told otherwise.
#[test]
fn a_component_that_wants_sockets_is_told_what_to_do() {
    let Some(author) = wanted() else {
        return;
    };
    let project = author.makes_strategy("python");
    let makefile = project.join("Makefile");
    let text = std::fs::read_to_string(&makefile).unwrap();
    std::fs::write(&makefile, text.replace(" --stub-wasi", "")).unwrap();
    let output = author.types_wrong("make", &project);
    assert!(!output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    for words in ["it imports `wasi:sockets/", "build with `--stub-wasi`"] {
        assert!(text.contains(words), "{text}");
    }
}
