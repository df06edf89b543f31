use wit_component::dummy_module;
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

use super::*;
use crate::capability::Capability;
use crate::plugin::wishes::{ANY, Wish};

const LIMIT: usize = 64 << 20;

/// A module that exports all of a hook, and traps when it is called.
fn module(hook: Hook) -> Vec<u8> {
    let (resolve, world) = world_of(hook);
    dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync))
}

fn refused(text: &str, hook: Option<Hook>) -> (String, String) {
    let module = wat::parse_str(text).unwrap();
    let error = pack(&module, hook, None, LIMIT).unwrap_err();
    (error.to_string(), error.help())
}

#[test]
fn a_module_of_each_hook_becomes_a_plugin() {
    for hook in Hook::ALL {
        let packed = pack(&module(hook), Some(hook), None, LIMIT).unwrap();
        assert_eq!(packed.seen.hooks.iter().collect::<Vec<_>>(), [&hook]);
        assert!(!packed.has_null_wasi);
        // Once more is the same.
        let again = pack(&packed.component, Some(hook), None, LIMIT).unwrap();
        assert_eq!(again.component, packed.component);
    }
}

#[test]
fn a_module_that_carries_its_interface_needs_no_name() {
    let (resolve, world) = world_of(Hook::Test);
    let mut bytes = module(Hook::Test);
    let encoding = StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, encoding, false).unwrap();
    let packed = pack(&bytes, None, None, LIMIT).unwrap();
    assert!(packed.seen.hooks.contains(&Hook::Test));
    let error = pack(&bytes, Some(Hook::Build), None, LIMIT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it exports the hook test and not the hook build"
    );
}

#[test]
fn what_wants_wasi_gets_an_empty_one() {
    let mut text = strategy();
    let import = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))";
    text.insert_str("(module".len(), &format!("\n  {import}"));
    let bytes = wat::parse_str(&text).unwrap();
    let packed = pack(&bytes, Some(Hook::Strategy), None, LIMIT).unwrap();
    assert!(packed.has_null_wasi);
    // What is printed needs somewhere to go, and nothing else is needed.
    let wasi: Vec<&str> = packed.seen.wasi().collect();
    assert_eq!(
        wasi,
        [
            "wasi:cli/stderr@0.2.0",
            "wasi:cli/stdout@0.2.0",
            "wasi:io/error@0.2.0",
            "wasi:io/streams@0.2.0"
        ]
    );
}

/// Such a strategy as text.
fn strategy() -> String {
    let (resolve, world) = world_of(Hook::Strategy);
    let mut text = String::from("(module (memory (export \"memory\") 1)\n");
    for (key, item) in &resolve.worlds[world].exports {
        let wit_parser::WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let interface = resolve.name_world_key(key);
        for (name, function) in &resolve.interfaces[*id].functions {
            let signature =
                resolve.wasm_signature(wit_parser::abi::AbiVariant::GuestExport, function);
            let types = |all: &[wit_parser::abi::WasmType]| {
                let all = all.iter().map(|kind| match kind {
                    wit_parser::abi::WasmType::I64 | wit_parser::abi::WasmType::PointerOrI64 => {
                        " i64"
                    }
                    wit_parser::abi::WasmType::F32 => " f32",
                    wit_parser::abi::WasmType::F64 => " f64",
                    _ => " i32",
                });
                all.collect::<String>()
            };
            text.push_str(&format!(
                "  (func (export \"{interface}#{name}\") (param{}) (result{}) unreachable)\n",
                types(&signature.params),
                types(&signature.results)
            ));
        }
    }
    text.push_str(
        "  (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable))",
    );
    text
}

#[test]
fn wishes_are_written_into_it() {
    let wish = Wish {
        capability: Capability::Net,
        scope: ANY.into(),
        reason: "it asks".into(),
    };
    let wishes = Wishes::new(vec![wish]).unwrap();
    let packed = pack(
        &module(Hook::Monitor),
        Some(Hook::Monitor),
        Some(&wishes),
        LIMIT,
    )
    .unwrap();
    assert_eq!(packed.seen.wishes, Some(wishes));
}

#[test]
fn mistakes_are_told_in_words_of_the_interface() {
    let told = refused("(module)", None);
    assert_eq!(
        told.0,
        "it says nothing of its interface, as a module without bindings does not"
    );
    assert!(told.1.contains("--hook monitor"), "{told:?}");

    let told = refused(
        "(module (func (export \"strategy_decide\")))",
        Some(Hook::Strategy),
    );
    assert!(
        told.0
            .starts_with("it does not export `baepo:hooks/strategy@0.1.0#"),
        "{told:?}"
    );
    assert!(
        told.1
            .contains("it exports `strategy_decide`; is that meant to be"),
        "{told:?}"
    );

    let mut text = strategy();
    text.insert_str(
        "(module".len(),
        " (import \"env\" \"curl_easy_init\" (func))",
    );
    let told = refused(&text, Some(Hook::Strategy));
    assert_eq!(
        told.0,
        "it imports `env.curl_easy_init`, which nobody provides: a function was declared and not linked"
    );
    let text = text.replace("\"env\"", "\"wbg\"");
    let told = refused(&text, Some(Hook::Strategy));
    assert!(
        told.0.ends_with("it was built with wasm-bindgen"),
        "{told:?}"
    );

    let text = strategy().replace("(export \"memory\")", "");
    assert_eq!(
        refused(&text, Some(Hook::Strategy)).0,
        "it does not export its memory as `memory`"
    );

    let text = strategy().replacen("(param i32", "(param i64", 1);
    let told = refused(&text, Some(Hook::Strategy));
    assert!(
        told.0.starts_with("it does not fit the interface: "),
        "{told:?}"
    );

    let error = pack(b"<html>", None, None, LIMIT).unwrap_err();
    assert!(error.to_string().contains("web page"), "{error}");
}
