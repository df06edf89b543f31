//! What crosses the boundary: imported functions, and those that the host calls.

use wit_bindgen_core::abi::guest_export_needs_post_return;
use wit_parser::abi::{AbiVariant, WasmSignature};
use wit_parser::{
    Function, LiftLowerAbi, ManglingAndAbi, ResourceIntrinsic, Type, TypeDefKind, TypeOwner,
    WasmExport, WasmExportKind, WasmImport,
};

use super::abi::{Abi, go_flat};
use super::errors::ErrorForm;
use super::functions::{Outcome, Shape, inner_name};
use super::memory::{at, result_payload};
use super::surface::Port;
use super::text::Text;

/// The names of core functions that `wit-component` knows.
const MANGLING: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

pub(super) fn calls(abi: &mut Abi<'_>, text: &mut Text) {
    let surface = abi.surface;
    for port in &surface.imports {
        for (function, name) in port.functions.iter().zip(&port.names) {
            import(abi, port, function, name, text);
        }
    }
    drops(abi, text);
    for port in &surface.exports {
        for (function, name) in port.functions.iter().zip(&port.names) {
            export(abi, port, function, name, text);
        }
    }
}

/// The core parameters and results as Go writes them.
fn core_signature(signature: &WasmSignature) -> (String, &'static str) {
    let params = signature.params.iter().enumerate();
    let params: Vec<String> = params
        .map(|(number, flat)| format!("a{number} {}", go_flat(*flat)))
        .collect();
    let result = signature.results.first().map_or("", |flat| go_flat(*flat));
    (params.join(", "), result)
}

fn import(abi: &mut Abi<'_>, port: &Port, function: &Function, name: &str, text: &mut Text) {
    let surface = abi.surface;
    let shape = Shape::of(surface, function);
    let inner = inner_name(surface, function, name);
    let signature = surface
        .resolve
        .wasm_signature(AbiVariant::GuestImport, function);
    let interface = port.key.as_ref();
    let (module, item) = surface.resolve.wasm_import_name(
        MANGLING,
        WasmImport::Func {
            interface,
            func: function,
        },
    );
    let (params, result) = core_signature(&signature);
    text.gap();
    text.line(format!("//go:wasmimport {module} {item}"));
    text.line(format!("func host{inner}({params}) {result}").trim_end());
    text.gap();
    text.open(format!(
        "func call{inner}({}){} {{",
        shape.numbered(),
        shape.results(surface)
    ));
    text.line("m := new(memory)");
    let mut arguments = Vec::new();
    if signature.indirect_params {
        let types: Vec<Type> = shape.params.iter().map(|(_, ty)| *ty).collect();
        let size = surface.sizes.params(&types).size.size_wasm32();
        text.line(format!("args := m.allocate({size})"));
        let offsets = surface.sizes.field_offsets(&types);
        for (number, (offset, ty)) in offsets.into_iter().enumerate() {
            let (storer, place) = (abi.storer(ty), at("args", offset.size_wasm32()));
            text.line(format!("{storer}(m, {place}, p{number})"));
        }
        arguments.push("uint32(uintptr(args))".to_owned());
    } else {
        for (number, (_, ty)) in shape.params.iter().enumerate() {
            let lowered = abi.lower(ty, &format!("p{number}"));
            let first = arguments.len();
            let names = (first..first + abi.flat(ty).len()).map(|n| format!("a{n}"));
            let names: Vec<String> = names.collect();
            text.line(format!("{} := {lowered}", names.join(", ")));
            arguments.extend(names);
        }
    }
    if signature.retptr {
        let size = abi.size(&function.result.unwrap_or(Type::U32));
        text.line(format!("area := m.allocate({size})"));
        arguments.push("uint32(uintptr(area))".into());
    }
    text.line("calling.Lock()");
    text.line("defer end(m)");
    let call = format!("host{inner}({})", arguments.join(", "));
    answer(abi, &shape, signature.retptr, &call, text);
    text.close("}");
}

/// The call of an import, and what is made of its answer.
fn answer(abi: &mut Abi<'_>, shape: &Shape, is_in_memory: bool, call: &str, text: &mut Text) {
    match &shape.outcome {
        Outcome::Nothing => text.line(call),
        Outcome::Value(ty) if is_in_memory => {
            text.line(call);
            let loader = abi.loader(ty);
            text.line(format!("return {loader}(area)"));
        }
        Outcome::Value(ty) => {
            text.line(format!("a := {call}"));
            let value = abi.lift(ty, &["a".into()]);
            text.line(format!("return {value}"));
        }
        Outcome::Fallible(sides) => {
            let place = at("area", result_payload(abi, *sides));
            let is_wrong = match is_in_memory {
                true => {
                    text.line(call);
                    "load[uint8](area) != 0".to_owned()
                }
                false => format!("{call} != 0"),
            };
            text.open(format!("if {is_wrong} {{"));
            let error = lifted_error(abi, sides[1].as_ref(), &place);
            match &sides[0] {
                None => text.line(format!("return {error}")),
                Some(ok) => {
                    text.line(format!("var none {}", abi.surface.go_type(ok)));
                    text.line(format!("return none, {error}"));
                }
            }
            text.close("}");
            match &sides[0] {
                None => text.line("return nil"),
                Some(ok) => {
                    let loader = abi.loader(ok);
                    text.line(format!("return {loader}({place}), nil"));
                }
            }
        }
    }
}

fn lifted_error(abi: &mut Abi<'_>, error: Option<&Type>, place: &str) -> String {
    let Some(ty) = error else {
        return "ErrFailed".into();
    };
    let loader = abi.loader(ty);
    match abi.surface.error_form(error) {
        ErrorForm::Text => format!("errors.New({loader}({place}))"),
        ErrorForm::Wrapped(inner) => {
            let go_type = abi.surface.go_type(&inner);
            format!("Failure[{go_type}]{{Value: {loader}({place})}}")
        }
        _ => format!("{loader}({place})"),
    }
}

/// What gives resources back.
fn drops(abi: &Abi<'_>, text: &mut Text) {
    let surface = abi.surface;
    for id in &surface.declared {
        let ty = &surface.resolve.types[*id];
        if !matches!(ty.kind, TypeDefKind::Resource) {
            continue;
        }
        let interface = match ty.owner {
            TypeOwner::Interface(owner) => surface.keys.get(&owner),
            _ => None,
        };
        let (module, item) = surface.resolve.wasm_import_name(
            MANGLING,
            WasmImport::ResourceIntrinsic {
                interface,
                resource: *id,
                intrinsic: ResourceIntrinsic::ImportedDrop,
            },
        );
        text.gap();
        text.line(format!("//go:wasmimport {module} {item}"));
        let name = surface.name(*id).unwrap_or_default();
        text.line(format!("func drop{name}(handle uint32)"));
    }
}

fn export_name(abi: &Abi<'_>, port: &Port, function: &Function, kind: WasmExportKind) -> String {
    let export = WasmExport::Func {
        interface: port.key.as_ref(),
        func: function,
        kind,
    };
    abi.surface.resolve.wasm_export_name(MANGLING, export)
}

fn export(abi: &mut Abi<'_>, port: &Port, function: &Function, name: &str, text: &mut Text) {
    let surface = abi.surface;
    let shape = Shape::of(surface, function);
    let signature = surface
        .resolve
        .wasm_signature(AbiVariant::GuestExport, function);
    let (params, result) = core_signature(&signature);
    let of = &port.go_name;
    let core = export_name(abi, port, function, WasmExportKind::Normal);
    text.gap();
    text.line(format!("//go:wasmexport {core}"));
    let result = match result {
        "" => String::new(),
        result => format!(" (result {result})"),
    };
    text.open(format!("func export{of}{name}({params}){result} {{"));
    let arguments = arguments(abi, &shape, signature.indirect_params, text);
    if shape.params.iter().any(|(_, ty)| surface.has_borrow(ty)) {
        text.line("defer dropBorrows()");
    }
    if signature.retptr {
        let size = abi.size(&function.result.unwrap_or(Type::U32));
        text.line("m := begin()");
        text.line(format!("area := m.allocate({size})"));
        text.line("result = uint32(uintptr(area))");
    } else {
        let is_kept = match &shape.outcome {
            Outcome::Value(ty) => abi.lower(ty, "v").contains("(m, "),
            _ => false,
        };
        text.line(if is_kept { "m := begin()" } else { "begin()" });
    }
    on_panic(abi, &shape, text);
    let call = format!("exported{of}().{name}({})", arguments.join(", "));
    returned(abi, &shape, signature.retptr, &call, text);
    text.close("}");
    if guest_export_needs_post_return(&surface.resolve, function) {
        let core = export_name(abi, port, function, WasmExportKind::PostReturn);
        text.gap();
        text.line(format!("//go:wasmexport {core}"));
        text.line(format!("func post{of}{name}(uint32) {{ leaving = nil }}"));
    }
}

/// Takes the parameters over; the names of the values.
fn arguments(abi: &mut Abi<'_>, shape: &Shape, is_in_memory: bool, text: &mut Text) -> Vec<String> {
    let names = (0..shape.params.len()).map(|number| format!("p{number}"));
    let names: Vec<String> = names.collect();
    if is_in_memory {
        let types: Vec<Type> = shape.params.iter().map(|(_, ty)| *ty).collect();
        text.line("args := pointer(a0)");
        let offsets = abi.surface.sizes.field_offsets(&types);
        for ((offset, ty), name) in offsets.into_iter().zip(&names) {
            let (loader, place) = (abi.loader(ty), at("args", offset.size_wasm32()));
            text.line(format!("{name} := {loader}({place})"));
        }
        return names;
    }
    let mut first = 0;
    for ((_, ty), name) in shape.params.iter().zip(&names) {
        let count = abi.flat(ty).len();
        let parts: Vec<String> = (first..first + count).map(|n| format!("a{n}")).collect();
        let value = abi.lift(ty, &parts);
        text.line(format!("{name} := {value}"));
        first += count;
    }
    names
}

/// A panic is the hook's error where that has a place for a text. Else it is
/// told to the log, and ends the call.
fn on_panic(abi: &mut Abi<'_>, shape: &Shape, text: &mut Text) {
    let failure = match &shape.outcome {
        Outcome::Fallible(sides) => {
            let value = abi.surface.failure(sides[1].as_ref(), "panicText(reason)");
            value.zip(sides[1]).map(|(value, ty)| (value, ty, *sides))
        }
        _ => None,
    };
    let log = abi.surface.log_call("panicText(reason)");
    if failure.is_none() && log.is_none() {
        return;
    }
    text.open("defer func() {");
    text.open("if reason := recover(); reason != nil {");
    if let Some((value, ty, sides)) = failure {
        let (storer, place) = (abi.storer(&ty), at("area", result_payload(abi, sides)));
        text.line("store[uint8](m, area, 1)");
        text.line(format!("{storer}(m, {place}, {value})"));
    } else if let Some(log) = log {
        text.line(log);
        text.line("panic(reason)");
    }
    text.close("}");
    text.close("}()");
}

/// The call of what the author wrote, and what the host is given of it.
fn returned(abi: &mut Abi<'_>, shape: &Shape, is_in_memory: bool, call: &str, text: &mut Text) {
    match &shape.outcome {
        Outcome::Nothing => text.line(call),
        Outcome::Value(ty) if is_in_memory => {
            let storer = abi.storer(ty);
            text.line(format!("{storer}(m, area, {call})"));
            text.line("return");
        }
        Outcome::Value(ty) => {
            let value = abi.lower(ty, call);
            text.line(format!("return {value}"));
        }
        Outcome::Fallible(sides) => {
            let names = if sides[0].is_some() {
                "value, err"
            } else {
                "err"
            };
            text.line(format!("{names} := {call}"));
            if !is_in_memory {
                text.line("return lowerBool(err != nil)");
                return;
            }
            let place = at("area", result_payload(abi, *sides));
            text.open("if err != nil {");
            text.line("store[uint8](m, area, 1)");
            if let Some(ty) = &sides[1] {
                let storer = abi.storer(ty);
                let error = abi.surface.lowered_error(ty);
                text.line(format!("{storer}(m, {place}, {error})"));
            }
            text.line("return");
            text.close("}");
            text.line("store[uint8](m, area, 0)");
            if let Some(ty) = &sides[0] {
                let storer = abi.storer(ty);
                text.line(format!("{storer}(m, {place}, value)"));
            }
            text.line("return");
        }
    }
}
