//! `load` and `store`: values in linear memory.

use wit_parser::{Handle, Type, TypeDefKind, TypeId, Variant};

use super::abi::{Abi, Op};
use super::names::exported;
use super::text::Text;
use super::types::{member, unsigned};

pub(super) fn routine(abi: &mut Abi<'_>, op: Op, name: &str, ty: &Type, text: &mut Text) {
    let Type::Id(id) = *ty else { return };
    let go_type = abi.surface.go_type(ty);
    match op {
        Op::Load => text.open(format!("func load{name}(p unsafe.Pointer) {go_type} {{")),
        _ => text.open(format!(
            "func store{name}(m *memory, p unsafe.Pointer, v {go_type}) {{"
        )),
    }
    let surface = abi.surface;
    match (&surface.resolve.types[id].kind, op) {
        (TypeDefKind::Record(record), _) => {
            let fields = record.fields.iter();
            let members: Vec<(String, Type)> = fields
                .map(|field| (format!(".{}", exported(&field.name)), field.ty))
                .collect();
            members_of(abi, op, &go_type, &members, text);
        }
        (TypeDefKind::Tuple(tuple), _) => {
            let types = tuple.types.iter().enumerate();
            let members: Vec<(String, Type)> = types
                .map(|(number, ty)| (member(&tuple.types, number), *ty))
                .collect();
            members_of(abi, op, &go_type, &members, text);
        }
        (TypeDefKind::List(inner), Op::Load) => {
            let (size, loader) = (abi.size(inner), abi.loader(inner));
            text.line(format!("return loadList(p, {size}, {loader})"));
        }
        (TypeDefKind::List(inner), _) => {
            let (size, storer) = (abi.size(inner), abi.storer(inner));
            text.line(format!("storeList(m, p, v, {size}, {storer})"));
        }
        (TypeDefKind::Enum(cases), Op::Load) => {
            let tag = unsigned(cases.tag());
            text.line(format!("return {go_type}(load[{tag}](p)) + 1"));
        }
        (TypeDefKind::Enum(cases), _) => {
            let (tag, count) = (unsigned(cases.tag()), cases.cases.len());
            text.line(format!(
                "store(m, p, {tag}(lowerEnum(uint32(v), {count}, \"{go_type}\")))"
            ));
        }
        (TypeDefKind::Variant(variant), Op::Load) => load_variant(abi, id, variant, text),
        (TypeDefKind::Variant(variant), _) => store_variant(abi, id, variant, text),
        (TypeDefKind::Option(inner), _) => option(abi, op, inner, text),
        (TypeDefKind::Result(result), _) => {
            result_of(abi, op, [result.ok, result.err], text);
        }
        (TypeDefKind::Handle(handle), _) => in_handle(abi, op, handle, text),
        _ => {}
    }
    text.close("}");
}

/// An expression for an address so many bytes behind another.
pub(super) fn at(p: &str, offset: usize) -> String {
    match offset {
        0 => p.into(),
        _ => format!("unsafe.Add({p}, {offset})"),
    }
}

fn members_of(
    abi: &mut Abi<'_>,
    op: Op,
    go_type: &str,
    members: &[(String, Type)],
    text: &mut Text,
) {
    let types: Vec<Type> = members.iter().map(|(_, ty)| *ty).collect();
    let offsets = abi.surface.sizes.field_offsets(&types);
    let offsets: Vec<usize> = offsets
        .iter()
        .map(|(offset, _)| offset.size_wasm32())
        .collect();
    if op == Op::Load {
        text.line(format!("var v {go_type}"));
    }
    for ((member, ty), offset) in members.iter().zip(offsets) {
        let place = at("p", offset);
        match op {
            Op::Load => {
                let loader = abi.loader(ty);
                text.line(format!("v{member} = {loader}({place})"));
            }
            _ => {
                if let Some(check) = abi.check_set(go_type, member, ty) {
                    text.line(check);
                }
                let storer = abi.storer(ty);
                text.line(format!("{storer}(m, {place}, v{member})"));
            }
        }
    }
    if op == Op::Load {
        text.line("return v");
    }
}

/// Where the payload of a variant is.
fn payload(abi: &Abi<'_>, variant: &Variant) -> usize {
    let cases = variant.cases.iter().map(|case| case.ty.as_ref());
    let offset = abi.surface.sizes.payload_offset(variant.tag(), cases);
    offset.size_wasm32()
}

/// A case of a variant around its payload.
pub(super) fn case_value(abi: &Abi<'_>, case: &str, ty: Option<&Type>, value: &str) -> String {
    match ty {
        None => format!("{case}{{}}"),
        Some(ty) if abi.surface.is_plain_payload(ty) => format!("{case}({value})"),
        Some(_) => format!("{case}{{Value: {value}}}"),
    }
}

/// The payload of a case `v`.
pub(super) fn payload_of(abi: &Abi<'_>, ty: &Type) -> String {
    match abi.surface.is_plain_payload(ty) {
        true => {
            let go_type = abi.surface.go_type(ty);
            format!("{go_type}(v)")
        }
        false => "v.Value".into(),
    }
}

/// `switch v := v.(type)`, with a name only where a case has something.
pub(super) fn type_switch(variant: &Variant) -> &'static str {
    match variant.cases.iter().any(|case| case.ty.is_some()) {
        true => "switch v := v.(type) {",
        false => "switch v.(type) {",
    }
}

fn load_variant(abi: &mut Abi<'_>, id: TypeId, variant: &Variant, text: &mut Text) {
    let surface = abi.surface;
    let place = at("p", payload(abi, variant));
    text.line(format!("switch load[{}](p) {{", unsigned(variant.tag())));
    let cases = variant.cases.iter().zip(surface.case_names(id));
    for (number, (case, go_case)) in cases.enumerate() {
        text.open(format!("case {number}:"));
        let value = match &case.ty {
            Some(ty) => format!("{}({place})", abi.loader(ty)),
            None => String::new(),
        };
        let value = case_value(abi, go_case, case.ty.as_ref(), &value);
        text.line(format!("return {value}"));
        text.close_silently();
    }
    text.line("}");
    unknown(surface.name(id).unwrap_or_default(), text);
}

/// Behind a switch over the cases that the host may send.
pub(super) fn unknown(name: &str, text: &mut Text) {
    text.line(format!(
        "panic(\"the host sent a {name} of an unknown case\")"
    ));
}

/// In a switch over the cases that a plugin may give.
pub(super) fn no_case(name: &str, text: &mut Text) {
    text.open("default:");
    text.line(format!(
        "panic(\"a {name} is nil, or a pointer where a value is wanted\")"
    ));
    text.close_silently();
}

fn store_variant(abi: &mut Abi<'_>, id: TypeId, variant: &Variant, text: &mut Text) {
    let surface = abi.surface;
    let place = at("p", payload(abi, variant));
    let tag = unsigned(variant.tag());
    text.line(type_switch(variant));
    let cases = variant.cases.iter().zip(surface.case_names(id));
    for (number, (case, go_case)) in cases.enumerate() {
        text.open(format!("case {go_case}:"));
        text.line(format!("store[{tag}](m, p, {number})"));
        if let Some(ty) = &case.ty {
            let (storer, value) = (abi.storer(ty), payload_of(abi, ty));
            text.line(format!("{storer}(m, {place}, {value})"));
        }
        text.close_silently();
    }
    no_case(surface.name(id).unwrap_or_default(), text);
    text.line("}");
}

fn option(abi: &mut Abi<'_>, op: Op, inner: &Type, text: &mut Text) {
    let can_be_nil = abi.surface.can_be_nil(inner);
    let offset = abi
        .surface
        .sizes
        .payload_offset(wit_parser::Int::U8, [Some(inner)]);
    let place = at("p", offset.size_wasm32());
    match op {
        Op::Load => {
            let loader = abi.loader(inner);
            text.open("if load[uint8](p) == 0 {");
            text.line("return nil");
            text.close("}");
            if can_be_nil {
                text.line(format!("return {loader}({place})"));
            } else {
                text.line(format!("v := {loader}({place})"));
                text.line("return &v");
            }
        }
        _ => {
            let storer = abi.storer(inner);
            text.open("if v == nil {");
            text.line("store[uint8](m, p, 0)");
            text.line("return");
            text.close("}");
            text.line("store[uint8](m, p, 1)");
            let value = if can_be_nil { "v" } else { "*v" };
            text.line(format!("{storer}(m, {place}, {value})"));
        }
    }
}

/// Where the payload of a result is.
pub(super) fn result_payload(abi: &Abi<'_>, sides: [Option<Type>; 2]) -> usize {
    let sides = sides.iter().map(Option::as_ref);
    let offset = abi.surface.sizes.payload_offset(wit_parser::Int::U8, sides);
    offset.size_wasm32()
}

fn result_of(abi: &mut Abi<'_>, op: Op, sides: [Option<Type>; 2], text: &mut Text) {
    let place = at("p", result_payload(abi, sides));
    let names = ["OK", "Err"];
    match op {
        Op::Load => {
            let [ok, err] = sides.map(|side| abi.surface.go_type_or_nothing(side.as_ref()));
            text.line(format!(
                "v := Result[{ok}, {err}]{{IsErr: load[uint8](p) != 0}}"
            ));
            both(sides, text, |side, ty, text| {
                let loader = abi.loader(ty);
                text.line(format!("v.{} = {loader}({place})", names[side]));
            });
            text.line("return v");
        }
        _ => {
            text.line("store(m, p, uint8(lowerBool(v.IsErr)))");
            both(sides, text, |side, ty, text| {
                let storer = abi.storer(ty);
                text.line(format!("{storer}(m, {place}, v.{})", names[side]));
            });
        }
    }
}

/// `if v.IsErr` with what is to be done for each side that has something.
pub(super) fn both(
    sides: [Option<Type>; 2],
    text: &mut Text,
    mut each: impl FnMut(usize, &Type, &mut Text),
) {
    match sides {
        [Some(ok), Some(err)] => {
            text.open("if v.IsErr {");
            each(1, &err, text);
            text.turn("} else {");
            each(0, &ok, text);
            text.close("}");
        }
        [Some(ok), None] => {
            text.open("if !v.IsErr {");
            each(0, &ok, text);
            text.close("}");
        }
        [None, Some(err)] => {
            text.open("if v.IsErr {");
            each(1, &err, text);
            text.close("}");
        }
        [None, None] => {}
    }
}

fn in_handle(abi: &mut Abi<'_>, op: Op, handle: &Handle, text: &mut Text) {
    match op {
        Op::Load => {
            let value = lifted_handle(abi, handle, "load[uint32](p)");
            text.line(format!("return {value}"));
        }
        _ => text.line(format!("store(m, p, {})", lowered_handle(handle))),
    }
}

/// A resource of its number.
pub(super) fn lifted_handle(abi: &Abi<'_>, handle: &Handle, number: &str) -> String {
    let (Handle::Own(resource) | Handle::Borrow(resource)) = handle;
    let resource = abi.surface.origin(&Type::Id(*resource));
    let go_type = abi.surface.go_type(&resource);
    let value = format!("&{go_type}{{handle: {number}}}");
    match handle {
        Handle::Own(_) => value,
        Handle::Borrow(_) => format!("borrowed({value})"),
    }
}

/// The number of a resource `v`; one that is given away is none any more.
pub(super) fn lowered_handle(handle: &Handle) -> &'static str {
    match handle {
        Handle::Own(_) => "v.give()",
        Handle::Borrow(_) => "v.number()",
    }
}
