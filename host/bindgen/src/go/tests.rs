use std::collections::BTreeMap;
use std::path::Path;

use expect_test::{Expect, expect};

use super::go;
use crate::BindgenError;

const HOOKS: [&str; 6] = ["build", "test", "strategy", "monitor", "target", "feedback"];

/// The files of `wit/`.
fn wit() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn made(wit: &[(&str, &str)], world: &str) -> BTreeMap<String, String> {
    let files = go(wit, world).unwrap();
    let texts = files
        .into_iter()
        .map(|file| (file.name, String::from_utf8(file.content).unwrap()));
    texts.collect()
}

fn hook(hook: &str) -> BTreeMap<String, String> {
    let files = wit();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    made(&files, &format!("{hook}-plugin"))
}

/// A world around items of one interface, which is imported or exported.
fn world(items: &str, direction: &str) -> String {
    format!("package a:b@1.0.0;\ninterface i {{ {items} }}\nworld w {{ {direction} i; }}\n")
}

/// A part of a file, from the line that begins like this to the end of its
/// declaration.
fn check(text: &str, begins: &str, expected: &Expect) {
    let found = text.find(&format!("\n{begins}"));
    let from = found.unwrap_or_else(|| panic!("there is no {begins} in {text}")) + 1;
    let end = text[from..]
        .find("\n}\n")
        .map_or(text.len(), |end| from + end + 3);
    expected.assert_eq(&text[from..end]);
}

#[test]
fn each_hook_has_its_interface_and_its_exports() {
    for name in HOOKS {
        let files = hook(name);
        let export = format!("//go:wasmexport baepo:hooks/{name}@0.1.0#");
        assert!(files["calls_wasip1.go"].contains(&export), "{name}");
        let mut letters = name.chars();
        let go_name: String = letters
            .next()
            .unwrap()
            .to_uppercase()
            .chain(letters)
            .collect();
        let declared = format!("\ntype {go_name} interface {{\n");
        assert!(files["baepo.go"].contains(&declared), "{name}");
        for (file, text) in &files {
            assert!(text.starts_with(super::HEADER), "{file}");
        }
        assert_eq!(files, hook(name), "it is not always the same");
    }
}

#[test]
fn a_hook_looks_as_if_a_person_had_written_it() {
    let files = hook("strategy");
    check(
        &files["baepo.go"],
        "type Strategy interface",
        &expect![[r#"
            type Strategy interface {
            	// Decide the next step. `invalid-config` is found when planning, before
            	// anything has been changed; any error or trap later aborts the rollout.
            	Decide(view View) (Decision, error)
            }
        "#]],
    );
    check(
        &files["types.go"],
        "type Decision struct",
        &expect![[r#"
            type Decision struct {
            	// Handed in again with the next view.
            	Memory []byte
            	// What to do next.
            	Directive Directive
            	// Where this stands.
            	Progress Progress
            	// Why, in one sentence for people.
            	Reason string
            }
        "#]],
    );
    check(
        &files["calls_wasip1.go"],
        "//go:wasmexport baepo:hooks/strategy@0.1.0#decide",
        &expect![[r#"
            //go:wasmexport baepo:hooks/strategy@0.1.0#decide
            func exportStrategyDecide(a0 uint32) (result uint32) {
            	args := pointer(a0)
            	p0 := loadView(args)
            	m := begin()
            	area := m.allocate(56)
            	result = uint32(uintptr(area))
            	defer func() {
            		if reason := recover(); reason != nil {
            			store[uint8](m, area, 1)
            			storeHookError(m, unsafe.Add(area, 8), HookErrorFailed(panicText(reason)))
            		}
            	}()
            	value, err := exportedStrategy().Decide(p0)
            	if err != nil {
            		store[uint8](m, area, 1)
            		storeHookError(m, unsafe.Add(area, 8), asHookError(err))
            		return
            	}
            	store[uint8](m, area, 0)
            	storeDecision(m, unsafe.Add(area, 8), value)
            	return
            }
        "#]],
    );
}

#[test]
fn an_import_can_be_answered_by_a_test() {
    let files = hook("monitor");
    check(
        &files["imports.go"],
        "func WorkspaceRead(",
        &expect![[r#"
            func WorkspaceRead(path string, limitBytes uint64) ([]byte, error) {
            	if FakeWorkspaceRead != nil {
            		return FakeWorkspaceRead(path, limitBytes)
            	}
            	return callWorkspaceRead(path, limitBytes)
            }
        "#]],
    );
    check(
        &files["native.go"],
        "func callWorkspaceRead(",
        &expect![[r#"
            func callWorkspaceRead(string, uint64) ([]byte, error) {
            	panic("baepo.WorkspaceRead has an answer only in the sandbox: set baepo.FakeWorkspaceRead in the test")
            }
        "#]],
    );
    check(
        &files["calls_wasip1.go"],
        "func callWorkspaceRead(",
        &expect![[r#"
            func callWorkspaceRead(p0 string, p1 uint64) ([]byte, error) {
            	m := new(memory)
            	a0, a1 := lowerString(m, p0)
            	a2 := p1
            	area := m.allocate(24)
            	calling.Lock()
            	defer end(m)
            	hostWorkspaceRead(a0, a1, a2, uint32(uintptr(area)))
            	if load[uint8](area) != 0 {
            		var none []byte
            		return none, loadWorkspaceError(unsafe.Add(area, 8))
            	}
            	return loadSlice[uint8](unsafe.Add(area, 8)), nil
            }
        "#]],
    );
}

#[test]
fn parts_of_a_variant_share_places_that_are_wide_enough() {
    let items = "variant v { a(f32), b(u64), c(string), d } f: func(v: v);";
    let text = world(items, "import");
    let files = made(&[("a.wit", &text)], "w");
    check(
        &files["types_wasip1.go"],
        "func lowerIV(",
        &expect![[r#"
        func lowerIV(m *memory, v IV) (f0 uint32, f1 uint64, f2 uint32) {
        	switch v := v.(type) {
        	case IVA:
        		f0 = 0
        		f1 = uint64(math.Float32bits(float32(v)))
        	case IVB:
        		f0 = 1
        		f1 = uint64(v)
        	case IVC:
        		f0 = 2
        		t0, t1 := lowerString(m, string(v))
        		f1, f2 = uint64(t0), t1
        	case IVD:
        		f0 = 3
        	default:
        		panic("a IV is nil, or a pointer where a value is wanted")
        	}
        	return
        }
    "#]],
    );
    let text = world(items, "export");
    let files = made(&[("a.wit", &text)], "w");
    check(
        &files["types_wasip1.go"],
        "func liftV(",
        &expect![[r#"
        func liftV(a0 uint32, a1 uint64, a2 uint32) V {
        	switch a0 {
        	case 0:
        		return VA(math.Float32frombits(uint32(a1)))
        	case 1:
        		return VB(a1)
        	case 2:
        		return VC(liftString(uint32(a1), a2))
        	case 3:
        		return VD{}
        	}
        	panic("the host sent a V of an unknown case")
        }
    "#]],
    );
}

#[test]
fn an_interface_that_has_only_types_for_an_export_is_not_called() {
    let text = "package a:b@1.0.0;\n\
        interface monitor { record telemetry { a: u8 } observe: func() -> telemetry; }\n\
        interface target { use monitor.{telemetry as measured}; measure: func() -> measured; }\n\
        world monitor-plugin { export monitor; }\n\
        world target-plugin { export target; }\n";
    let files = made(&[("a.wit", text)], "target-plugin");
    assert!(!files["calls_wasip1.go"].contains("a:b/monitor"));
    assert!(files["types.go"].contains("\ntype Measured = MonitorTelemetry\n"));
    assert!(files["baepo.go"].contains("\tMeasure() Measured\n"));
}

#[test]
fn an_error_around_that_of_all_hooks_takes_any_error() {
    let files = hook("target");
    assert!(files["errors.go"].contains("return TargetErrorHook{Value: asHookError(err)}"));
}

#[test]
fn a_missing_grant_is_an_error_that_the_host_knows_how_to_show() {
    let files = hook("build");
    check(
        &files["errors.go"],
        "func asHookError(",
        &expect![[r#"
        func asHookError(err error) HookError {
        	var known HookError
        	if errors.As(err, &known) {
        		if _, isText := known.(HookErrorFailed); isText {
        			// What was said around it belongs to it.
        			return HookErrorFailed(err.Error())
        		}
        		return known
        	}
        	var denied0 SecretErrorDenied
        	if errors.As(err, &denied0) {
        		return HookErrorDenied("secrets: " + string(denied0))
        	}
        	var denied1 ProcessErrorDenied
        	if errors.As(err, &denied1) {
        		return HookErrorDenied("run: " + string(denied1))
        	}
        	var denied2 WorkspaceErrorDenied
        	if errors.As(err, &denied2) {
        		return HookErrorDenied(string(denied2))
        	}
        	var denied3 HTTPErrorDenied
        	if errors.As(err, &denied3) {
        		return HookErrorDenied("net: " + string(denied3))
        	}
        	var denied4 SocketErrorDenied
        	if errors.As(err, &denied4) {
        		return HookErrorDenied("socket: " + string(denied4))
        	}
        	return HookErrorFailed(err.Error())
        }
    "#]],
    );
}

#[test]
fn a_panic_is_told_to_the_log_where_the_hook_has_no_place_for_it() {
    let text = "package a:b@1.0.0;\n\
        interface log { enum level { info, error } log: func(level: level, message: string, fields: list<tuple<string, string>>); }\n\
        interface i { f: func() -> u32; }\n\
        world w { import log; export i; }\n";
    let files = made(&[("a.wit", text)], "w");
    check(
        &files["calls_wasip1.go"],
        "//go:wasmexport a:b/i@1.0.0#f",
        &expect![[r#"
            //go:wasmexport a:b/i@1.0.0#f
            func exportIF() (result uint32) {
            	begin()
            	defer func() {
            		if reason := recover(); reason != nil {
            			Log(LogLevelError, panicText(reason), nil)
            			panic(reason)
            		}
            	}()
            	return exportedI().F()
            }
        "#]],
    );
}

#[test]
fn names_that_meet_are_told_apart() {
    let text = "package a:b@1.0.0;\n\
        interface i { record some { a: u8 } f: func(a: some); }\n\
        interface kind { record kind { a: u8 } f: func(a: kind); %type: func(%type: u8); }\n\
        world w { export i; export kind; }\n";
    let files = made(&[("a.wit", text)], "w");
    assert!(files["types.go"].contains("\ntype ISome struct"));
    assert!(files["types.go"].contains("\ntype KindKind struct"));
    assert!(files["baepo.go"].contains("\tType(type_ uint8)\n"));
}

#[test]
fn what_has_no_form_is_named() {
    let refused = |items: &str, direction: &str| {
        let text = world(items, direction);
        let error = go(&[("a.wit", &text)], "w").unwrap_err();
        assert!(matches!(error, BindgenError::Unsupported { .. }), "{error}");
        error.to_string()
    };
    let both = |items: &str| {
        let said = refused(items, "import");
        assert_eq!(said, refused(items, "export"));
        said
    };
    assert_eq!(
        both("f: async func();"),
        "the async function `f` has no form in Go"
    );
    assert_eq!(
        both("f: func(a: list<stream<u8>>);"),
        "a `stream` has no form in Go"
    );
    assert_eq!(
        both("f: func() -> option<future<string>>;"),
        "a `future` has no form in Go"
    );
    assert_eq!(
        refused("resource r; f: func() -> r;", "export"),
        "the exported resource `r` of `i` has no form in Go"
    );
}

#[test]
fn mistakes_are_told() {
    let error = go(&[("a.wit", "package a:b; interface {")], "w").unwrap_err();
    assert!(matches!(error, BindgenError::Unreadable { .. }), "{error}");
    let text = world("f: func();", "import");
    let error = go(&[("a.wit", &text)], "other").unwrap_err();
    assert!(matches!(error, BindgenError::NoWorld { .. }), "{error}");
}
