//! Bindings for C, as `wit-bindgen c` makes them.
//!
//! The library behind that program ends in a panic at what it has no code for.
//! None of that is in the interfaces of baepo, but WIT is a file that anybody
//! may have changed: lists of a fixed length, the likeliest, are looked for
//! first, and what is left is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_parser::{LiveTypes, Resolve, TypeDefKind, WorldId};

use super::{BindgenError, BindingFile, load};

/// Header, source and component type of a world, named after it with `_`.
///
/// The component type is an object file. Linked in, it tells
/// `baepo plugin pack` which world the module is for.
///
/// # Errors
/// When the WIT cannot be read, has no such world, or has what C has no
/// bindings for.
pub fn c(wit: &[(&str, &str)], world: &str) -> Result<Vec<BindingFile>, BindgenError> {
    let (mut resolve, id) = load(wit, world)?;
    if let Some(what) = list_of_fixed_length(&resolve, id) {
        return Err(without_form(what));
    }
    let mut files = Files::default();
    let generate = || {
        let mut generator = Opts::default().build();
        generator.generate(&mut resolve, id, &mut files)
    };
    // After a panic neither of the two is used again.
    match catch_unwind(AssertUnwindSafe(generate)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(without_form(format!("world `{world}` ({error:#})"))),
        Err(_) => return Err(without_form(format!("something in world `{world}`"))),
    }
    let files = files.iter().map(|(name, content)| BindingFile {
        name: name.to_owned(),
        content: content.to_owned(),
    });
    Ok(files.collect())
}

fn without_form(what: String) -> BindgenError {
    let language = "C";
    BindgenError::Unsupported { what, language }
}

/// The first such list of a world, in words.
fn list_of_fixed_length(resolve: &Resolve, world: WorldId) -> Option<String> {
    let mut live = LiveTypes::default();
    live.add_world(resolve, world);
    live.iter().find_map(|id| {
        let TypeDefKind::FixedLengthList(_, length) = resolve.types[id].kind else {
            return None;
        };
        Some(format!("a list of fixed length ({length})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIT: [(&str, &str); 15] = [
        ("build.wit", include_str!("../../../wit/build.wit")),
        ("feedback.wit", include_str!("../../../wit/feedback.wit")),
        ("http.wit", include_str!("../../../wit/http.wit")),
        ("log.wit", include_str!("../../../wit/log.wit")),
        ("monitor.wit", include_str!("../../../wit/monitor.wit")),
        ("process.wit", include_str!("../../../wit/process.wit")),
        ("secrets.wit", include_str!("../../../wit/secrets.wit")),
        ("socket.wit", include_str!("../../../wit/socket.wit")),
        ("store.wit", include_str!("../../../wit/store.wit")),
        ("strategy.wit", include_str!("../../../wit/strategy.wit")),
        ("target.wit", include_str!("../../../wit/target.wit")),
        ("test.wit", include_str!("../../../wit/test.wit")),
        ("types.wit", include_str!("../../../wit/types.wit")),
        ("workspace.wit", include_str!("../../../wit/workspace.wit")),
        ("worlds.wit", include_str!("../../../wit/worlds.wit")),
    ];

    const WORLDS: [&str; 6] = ["build", "test", "strategy", "monitor", "target", "feedback"];

    fn text<'f>(files: &'f [BindingFile], name: &str) -> &'f str {
        let file = files.iter().find(|file| file.name == name).unwrap();
        std::str::from_utf8(&file.content).unwrap()
    }

    /// The error for a package of this text with the world `w`.
    fn refused(items: &str) -> String {
        let text = format!("package a:b;\n{items}");
        c(&[("a.wit", &text)], "w").unwrap_err().to_string()
    }

    #[test]
    fn each_world_has_a_header_a_source_and_its_type() {
        for hook in WORLDS {
            let files = c(&WIT, &format!("{hook}-plugin")).unwrap();
            let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let expected =
                [".c", ".h", "_component_type.o"].map(|end| format!("{hook}_plugin{end}"));
            assert_eq!(names, expected);
            let header = text(&files, &expected[1]);
            assert!(header.contains(&format!("{hook}_plugin_string_t")));
            assert!(
                header.contains(&format!("bool exports_baepo_hooks_{hook}_")),
                "{hook}"
            );
            assert!(text(&files, &expected[0]).contains(&format!("#include \"{}\"", expected[1])));
            // A module, which is what a linker for WebAssembly takes.
            assert!(files[2].content.starts_with(b"\0asm\x01\0\0\0"), "{hook}");
        }
    }

    #[test]
    fn the_same_wit_gives_the_same_bytes() {
        for hook in WORLDS {
            let world = format!("{hook}-plugin");
            assert_eq!(c(&WIT, &world).unwrap(), c(&WIT, &world).unwrap(), "{hook}");
        }
    }

    #[test]
    fn a_world_that_is_not_there_is_said_by_name() {
        let error = c(&WIT, "tests-plugin").unwrap_err();
        assert!(
            matches!(&error, BindgenError::NoWorld { world, .. } if world == "tests-plugin"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_wit_is_unreadable() {
        let error = c(&[("a.wit", "package a:b;\nworld {")], "w").unwrap_err();
        assert!(matches!(error, BindgenError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn what_c_has_no_form_for_is_an_error_and_no_panic() {
        let fixed = "world w { export f: func(four: list<u8, 4>); }";
        assert_eq!(
            refused(fixed),
            "a list of fixed length (4) has no form in C"
        );
        let context = "world w { export f: func(why: error-context); }";
        assert_eq!(refused(context), "something in world `w` has no form in C");
        // Both would be `a_b_x_y_z` in C.
        let twice = "interface x-y { z: func(); } interface x { y-z: func(); }
            world w { import x-y; import x; }";
        assert_eq!(refused(twice), "something in world `w` has no form in C");
    }
}
