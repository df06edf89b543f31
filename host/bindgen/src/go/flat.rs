//! `lift` and `lower`: values as parameters and results of core functions.

use wit_bindgen_core::abi::WasmType;
use wit_parser::{Type, TypeDefKind, TypeId, Variant};

use super::abi::{Abi, Op, cast, go_flat, listed};
use super::memory::{
    both, case_value, lifted_handle, lowered_handle, no_case, payload_of, type_switch, unknown,
};
use super::names::exported;
use super::text::Text;
use super::types::member;

pub(super) fn routine(abi: &mut Abi<'_>, op: Op, name: &str, ty: &Type, text: &mut Text) {
    let Type::Id(id) = *ty else { return };
    let surface = abi.surface;
    let go_type = surface.go_type(ty);
    let flats = abi.flat(ty);
    match op {
        Op::Lift => text.open(format!(
            "func lift{name}({}) {go_type} {{",
            listed('a', &flats)
        )),
        _ => text.open(format!(
            "func lower{name}(m *memory, v {go_type}) ({}) {{",
            listed('f', &flats)
        )),
    }
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
        (TypeDefKind::Enum(_), Op::Lift) => text.line(format!("return {go_type}(a0) + 1")),
        (TypeDefKind::Enum(cases), _) => {
            let count = cases.cases.len();
            text.line(format!(
                "return lowerEnum(uint32(v), {count}, \"{go_type}\")"
            ));
        }
        (TypeDefKind::Variant(variant), Op::Lift) => lift_variant(abi, id, variant, &flats, text),
        (TypeDefKind::Variant(variant), _) => lower_variant(abi, id, variant, &flats, text),
        (TypeDefKind::Option(inner), _) => option(abi, op, inner, text),
        (TypeDefKind::Result(result), _) => {
            result_of(abi, op, [result.ok, result.err], &flats, text);
        }
        (TypeDefKind::Handle(handle), Op::Lift) => {
            let value = lifted_handle(abi, handle, "a0");
            text.line(format!("return {value}"));
        }
        (TypeDefKind::Handle(handle), _) => {
            text.line(format!("return {}", lowered_handle(handle)));
        }
        _ => {}
    }
    text.close("}");
}

/// `a3, a4` from the first on, as the flat types of a part.
fn taken(first: usize, part: &[WasmType], all: &[WasmType]) -> Vec<String> {
    let numbered = part.iter().enumerate();
    numbered
        .map(|(number, flat)| {
            let from = all.get(first + number).copied().unwrap_or(*flat);
            cast(&format!("a{}", first + number), from, *flat)
        })
        .collect()
}

/// Sets `f3, f4` from the first on to the flat parts of a value.
fn give(
    abi: &mut Abi<'_>,
    first: usize,
    ty: &Type,
    value: &str,
    all: &[WasmType],
    text: &mut Text,
) {
    let part = abi.flat(ty);
    let lowered = abi.lower(ty, value);
    let targets: Vec<String> = (first..first + part.len())
        .map(|n| format!("f{n}"))
        .collect();
    let joined = &all[first..first + part.len()];
    let is_same = part
        .iter()
        .zip(joined)
        .all(|(a, b)| go_flat(*a) == go_flat(*b));
    if is_same {
        text.line(format!("{} = {lowered}", targets.join(", ")));
    } else if let ([from], [to]) = (part.as_slice(), joined) {
        text.line(format!("{} = {}", targets[0], cast(&lowered, *from, *to)));
    } else {
        let names: Vec<String> = (0..part.len()).map(|n| format!("t{n}")).collect();
        let casts = names.iter().zip(part.iter().zip(joined));
        let casts: Vec<String> = casts
            .map(|(name, (from, to))| cast(name, *from, *to))
            .collect();
        text.line(format!("{} := {lowered}", names.join(", ")));
        text.line(format!("{} = {}", targets.join(", "), casts.join(", ")));
    }
}

fn members_of(
    abi: &mut Abi<'_>,
    op: Op,
    go_type: &str,
    members: &[(String, Type)],
    text: &mut Text,
) {
    let types = members.iter().map(|(_, ty)| *ty);
    let all: Vec<WasmType> = types.flat_map(|ty| abi.flat(&ty)).collect();
    if op == Op::Lift {
        text.line(format!("var v {go_type}"));
    }
    let mut first = 0;
    for (member, ty) in members {
        let part = abi.flat(ty);
        match op {
            Op::Lift => {
                let value = abi.lift(ty, &taken(first, &part, &all));
                text.line(format!("v{member} = {value}"));
            }
            _ => {
                if let Some(check) = abi.check_set(go_type, member, ty) {
                    text.line(check);
                }
                give(abi, first, ty, &format!("v{member}"), &all, text);
            }
        }
        first += part.len();
    }
    text.line(match op {
        Op::Lift => "return v",
        _ => "return",
    });
}

fn lift_variant(
    abi: &mut Abi<'_>,
    id: TypeId,
    variant: &Variant,
    flats: &[WasmType],
    text: &mut Text,
) {
    let surface = abi.surface;
    text.line("switch a0 {");
    let cases = variant.cases.iter().zip(surface.case_names(id));
    for (number, (case, go_case)) in cases.enumerate() {
        text.open(format!("case {number}:"));
        let value = match &case.ty {
            Some(ty) => {
                let parts = taken(1, &abi.flat(ty), flats);
                abi.lift(ty, &parts)
            }
            None => String::new(),
        };
        let value = case_value(abi, go_case, case.ty.as_ref(), &value);
        text.line(format!("return {value}"));
        text.close_silently();
    }
    text.line("}");
    unknown(surface.name(id).unwrap_or_default(), text);
}

fn lower_variant(
    abi: &mut Abi<'_>,
    id: TypeId,
    variant: &Variant,
    flats: &[WasmType],
    text: &mut Text,
) {
    let surface = abi.surface;
    text.line(type_switch(variant));
    let cases = variant.cases.iter().zip(surface.case_names(id));
    for (number, (case, go_case)) in cases.enumerate() {
        text.open(format!("case {go_case}:"));
        text.line(format!("f0 = {number}"));
        if let Some(ty) = &case.ty {
            let value = payload_of(abi, ty);
            give(abi, 1, ty, &value, flats, text);
        }
        text.close_silently();
    }
    no_case(surface.name(id).unwrap_or_default(), text);
    text.line("}");
    text.line("return");
}

fn option(abi: &mut Abi<'_>, op: Op, inner: &Type, text: &mut Text) {
    let can_be_nil = abi.surface.can_be_nil(inner);
    let part = abi.flat(inner);
    let all: Vec<WasmType> = std::iter::once(WasmType::I32).chain(part.clone()).collect();
    match op {
        Op::Lift => {
            text.open("if a0 == 0 {");
            text.line("return nil");
            text.close("}");
            let value = abi.lift(inner, &taken(1, &part, &all));
            if can_be_nil {
                text.line(format!("return {value}"));
            } else {
                text.line(format!("v := {value}"));
                text.line("return &v");
            }
        }
        _ => {
            text.open("if v == nil {");
            text.line("return");
            text.close("}");
            text.line("f0 = 1");
            let value = if can_be_nil { "v" } else { "*v" };
            give(abi, 1, inner, value, &all, text);
            text.line("return");
        }
    }
}

fn result_of(
    abi: &mut Abi<'_>,
    op: Op,
    sides: [Option<Type>; 2],
    flats: &[WasmType],
    text: &mut Text,
) {
    let names = ["OK", "Err"];
    match op {
        Op::Lift => {
            let [ok, err] = sides.map(|side| abi.surface.go_type_or_nothing(side.as_ref()));
            text.line(format!("v := Result[{ok}, {err}]{{IsErr: a0 != 0}}"));
            both(sides, text, |side, ty, text| {
                let parts = taken(1, &abi.flat(ty), flats);
                let value = abi.lift(ty, &parts);
                text.line(format!("v.{} = {value}", names[side]));
            });
            text.line("return v");
        }
        _ => {
            text.line("f0 = lowerBool(v.IsErr)");
            both(sides, text, |side, ty, text| {
                give(abi, 1, ty, &format!("v.{}", names[side]), flats, text);
            });
            text.line("return");
        }
    }
}
