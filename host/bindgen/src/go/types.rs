//! Types of WIT as types of Go.

use std::collections::BTreeSet;

use wit_parser::{Docs, Handle, Type, TypeDefKind, TypeId};

use super::names::{exported, words};
use super::surface::{Surface, parts};
use super::text::{Field, Text};

impl Surface {
    /// A type as Go writes it.
    pub(super) fn go_type(&self, ty: &Type) -> String {
        let id = match ty {
            Type::Bool => return "bool".into(),
            Type::U8 => return "uint8".into(),
            Type::U16 => return "uint16".into(),
            Type::U32 => return "uint32".into(),
            Type::U64 => return "uint64".into(),
            Type::S8 => return "int8".into(),
            Type::S16 => return "int16".into(),
            Type::S32 => return "int32".into(),
            Type::S64 => return "int64".into(),
            Type::F32 => return "float32".into(),
            Type::F64 => return "float64".into(),
            Type::Char => return "rune".into(),
            Type::String => return "string".into(),
            // Refused before.
            Type::ErrorContext => return "any".into(),
            Type::Id(id) => *id,
        };
        match self.name(id) {
            Some(name) => name.into(),
            None => self.anonymous(id),
        }
    }

    /// What stands behind a name of WIT that Go does not declare as a type of
    /// its own.
    fn anonymous(&self, id: TypeId) -> String {
        match &self.resolve.types[id].kind {
            TypeDefKind::Type(inner) => self.go_type(inner),
            TypeDefKind::List(Type::U8) => "[]byte".into(),
            TypeDefKind::List(inner) => format!("[]{}", self.go_type(inner)),
            TypeDefKind::Option(inner) if self.can_be_nil(inner) => self.go_type(inner),
            TypeDefKind::Option(inner) => format!("*{}", self.go_type(inner)),
            TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => {
                format!("*{}", self.go_type(&self.origin(&Type::Id(*resource))))
            }
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<String> = tuple.types.iter().map(|ty| self.go_type(ty)).collect();
                match is_uniform(&tuple.types) {
                    true => format!("[{}]{}", types.len(), types[0]),
                    false => format!("Tuple{}[{}]", types.len(), types.join(", ")),
                }
            }
            TypeDefKind::Result(result) => format!(
                "Result[{}, {}]",
                self.go_type_or_nothing(result.ok.as_ref()),
                self.go_type_or_nothing(result.err.as_ref())
            ),
            // All others have names, or were refused.
            _ => "any".into(),
        }
    }

    pub(super) fn go_type_or_nothing(&self, ty: Option<&Type>) -> String {
        ty.map_or_else(|| "struct{}".into(), |ty| self.go_type(ty))
    }

    /// Whether its Go type has `nil` and no value of the type is `nil`, so that
    /// an option of it is the same type.
    pub(super) fn can_be_nil(&self, ty: &Type) -> bool {
        let Type::Id(id) = self.origin(ty) else {
            return false;
        };
        matches!(
            self.resolve.types[id].kind,
            TypeDefKind::Variant(_) | TypeDefKind::Handle(_)
        )
    }

    /// Whether a case can be declared over its payload. Types of pointers and
    /// interfaces have no methods, so for these a struct is.
    pub(super) fn is_plain_payload(&self, ty: &Type) -> bool {
        let Type::Id(id) = self.origin(ty) else {
            return true;
        };
        !matches!(
            self.resolve.types[id].kind,
            TypeDefKind::Variant(_) | TypeDefKind::Handle(_) | TypeDefKind::Option(_)
        )
    }

    /// Arities of the tuples that need a struct, and whether results stand in
    /// other types.
    fn generics(&self) -> (BTreeSet<usize>, bool, bool) {
        let mut tuples = BTreeSet::new();
        let (mut has_results, mut has_options) = (false, false);
        let mut pending: Vec<Type> = Vec::new();
        for port in self.imports.iter().chain(&self.exports) {
            for function in &port.functions {
                pending.extend(function.params.iter().map(|param| param.ty));
                // A result that a function returns is two values.
                if let Some(Type::Id(id)) = function.result.map(|ty| self.origin(&ty)) {
                    match &self.resolve.types[id].kind {
                        TypeDefKind::Result(_) => pending.extend(parts(&self.resolve, id)),
                        _ => pending.push(Type::Id(id)),
                    }
                }
            }
        }
        while let Some(ty) = pending.pop() {
            let Type::Id(id) = ty else { continue };
            match &self.resolve.types[id].kind {
                TypeDefKind::Tuple(tuple) if !is_uniform(&tuple.types) => {
                    tuples.insert(tuple.types.len());
                }
                TypeDefKind::Result(_) => has_results = true,
                TypeDefKind::Option(inner) => has_options |= !self.can_be_nil(inner),
                _ => {}
            }
            pending.extend(parts(&self.resolve, id));
        }
        (tuples, has_results, has_options)
    }
}

/// Whether Go has an array for it.
pub(super) fn is_uniform(types: &[Type]) -> bool {
    types.windows(2).all(|pair| pair[0] == pair[1])
}

/// A member of a tuple's Go type.
pub(super) fn member(types: &[Type], number: usize) -> String {
    match is_uniform(types) {
        true => format!("[{number}]"),
        false => format!(".F{number}"),
    }
}

/// All declarations.
pub(super) fn declare(surface: &Surface, text: &mut Text) {
    for id in &surface.declared {
        declare_type(surface, *id, text);
    }
    let (tuples, has_results, has_options) = surface.generics();
    let none = Docs::default();
    for arity in tuples {
        text.gap();
        text.comment(&format!("Tuple{arity} is {arity} values without names."));
        let types: Vec<String> = (0..arity).map(|number| format!("T{number}")).collect();
        text.open(format!(
            "type Tuple{arity}[{} any] struct {{",
            types.join(", ")
        ));
        let fields = types.iter().enumerate().map(|(number, ty)| Field {
            docs: &none,
            name: format!("F{number}"),
            ty: ty.clone(),
        });
        text.fields(&fields.collect::<Vec<_>>());
        text.close("}");
    }
    if has_results {
        text.push(include_str!("fixed/result.go"));
    }
    if has_options {
        text.push(include_str!("fixed/some.go"));
    }
}

fn declare_type(surface: &Surface, id: TypeId, text: &mut Text) {
    let ty = &surface.resolve.types[id];
    let name = surface.name(id).unwrap_or_default();
    text.gap();
    text.docs(&ty.docs);
    match &ty.kind {
        TypeDefKind::Record(record) => {
            text.open(format!("type {name} struct {{"));
            let fields = record.fields.iter().map(|field| Field {
                docs: &field.docs,
                name: exported(&field.name),
                ty: surface.go_type(&field.ty),
            });
            text.fields(&fields.collect::<Vec<_>>());
            text.close("}");
        }
        TypeDefKind::Enum(cases) => {
            let docs: Vec<&Docs> = cases.cases.iter().map(|case| &case.docs).collect();
            text.line(format!("type {name} {}", unsigned(cases.tag())));
            constants(surface, id, &docs, "iota + 1", text);
            let of = cases.cases.iter().map(|case| case.name.as_str());
            enum_text(surface, id, of.collect(), text);
        }
        TypeDefKind::Flags(flags) => {
            let docs: Vec<&Docs> = flags.flags.iter().map(|flag| &flag.docs).collect();
            let repr = match flags.flags.len() {
                0..=8 => "uint8",
                9..=16 => "uint16",
                _ => "uint32",
            };
            text.line(format!("type {name} {repr}"));
            constants(surface, id, &docs, "1 << iota", text);
        }
        TypeDefKind::Variant(_) => declare_variant(surface, id, text),
        TypeDefKind::Resource => {
            text.open(format!("type {name} struct {{"));
            text.comment("The host's number for it; 0 is none.");
            text.line("handle uint32");
            text.close("}");
        }
        _ => text.line(format!("type {name} = {}", surface.anonymous(id))),
    }
}

pub(super) fn unsigned(tag: wit_parser::Int) -> &'static str {
    match tag {
        wit_parser::Int::U8 => "uint8",
        wit_parser::Int::U16 => "uint16",
        _ => "uint32",
    }
}

fn constants(surface: &Surface, id: TypeId, docs: &[&Docs], first: &str, text: &mut Text) {
    let name = surface.name(id).unwrap_or_default();
    text.gap();
    text.comment(&format!("Values of {name}."));
    text.open("const (");
    for (number, constant) in surface.case_names(id).iter().enumerate() {
        text.docs(docs[number]);
        match number {
            0 => text.line(format!("{constant} {name} = {first}")),
            _ => text.line(constant),
        }
    }
    text.close(")");
}

fn enum_text(surface: &Surface, id: TypeId, cases: Vec<&str>, text: &mut Text) {
    let name = surface.name(id).unwrap_or_default();
    text.gap();
    text.comment("String is its name in the interface.");
    text.open(format!("func (v {name}) String() string {{"));
    text.line("switch v {");
    for (constant, case) in surface.case_names(id).iter().zip(cases) {
        text.open(format!("case {constant}:"));
        text.line(format!("return \"{case}\""));
        text.close_silently();
    }
    text.line("}");
    text.line("return \"unset\"");
    text.close("}");
}

/// A sealed interface, and one type for each case.
fn declare_variant(surface: &Surface, id: TypeId, text: &mut Text) {
    let ty = &surface.resolve.types[id];
    let TypeDefKind::Variant(variant) = &ty.kind else {
        return;
    };
    let name = surface.name(id).unwrap_or_default();
    let cases = surface.case_names(id);
    if ty.docs.contents.is_some() {
        text.line("//");
    }
    text.sentence(&format!("It is one of {}.", list(cases)));
    text.open(format!("type {name} interface {{"));
    if surface.is_error(id) {
        text.line("error");
    }
    text.line(format!("is{name}()"));
    text.close("}");
    for (case, go_case) in variant.cases.iter().zip(cases) {
        text.gap();
        match &case.docs.contents {
            Some(docs) => text.comment(docs),
            None => text.comment(&format!("{} of {name}.", words(&case.name))),
        }
        match &case.ty {
            None => text.line(format!("type {go_case} struct{{}}")),
            Some(payload) if surface.is_plain_payload(payload) => {
                text.line(format!("type {go_case} {}", surface.go_type(payload)));
            }
            Some(payload) => {
                text.open(format!("type {go_case} struct {{"));
                text.line(format!("Value {}", surface.go_type(payload)));
                text.close("}");
            }
        }
    }
    text.gap();
    let width = cases.iter().map(String::len).max().unwrap_or(0);
    for case in cases {
        let gap = width - case.len();
        text.line(format!("func ({case}) is{name}() {:gap$}{{}}", ""));
    }
}

/// `A, B and C`.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
