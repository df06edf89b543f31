//! Errors of WIT as errors of Go: `result<T, E>` of a function is `(T, error)`.

use std::collections::BTreeSet;

use wit_parser::{Type, TypeDefKind, TypeId};

use super::names::words;
use super::surface::Surface;
use super::text::Text;

/// The error that every hook knows, and the case of it that has only a text.
const HOOK_ERROR: &str = "hook-error";
const FAILED: &str = "failed";
const DENIED: &str = "denied";

/// What a missing grant is called in an error of a hook. A path says by itself
/// whether it was to be read or written.
const GRANTS: [(&str, &str); 3] = [("process", "run: "), ("http", "net: "), ("workspace", "")];

/// What the error of a function is in Go.
pub(super) enum ErrorForm {
    /// `result<T>`: that there is one, and nothing else.
    Bare,
    /// A text, as `errors.New` makes it.
    Text,
    /// A type that has a declaration and is an error itself.
    Declared(TypeId),
    /// Any other: `Failure` around it.
    Wrapped(Type),
}

impl Surface {
    pub(super) fn error_form(&self, error: Option<&Type>) -> ErrorForm {
        let Some(error) = error else {
            return ErrorForm::Bare;
        };
        match self.origin(error) {
            Type::String => ErrorForm::Text,
            Type::Id(id) if self.name(id).is_some() && self.can_have_methods(id) => {
                ErrorForm::Declared(id)
            }
            other => ErrorForm::Wrapped(other),
        }
    }

    fn can_have_methods(&self, id: TypeId) -> bool {
        matches!(
            self.resolve.types[id].kind,
            TypeDefKind::Record(_)
                | TypeDefKind::Variant(_)
                | TypeDefKind::Enum(_)
                | TypeDefKind::Flags(_)
        )
    }

    /// The types that functions return as errors, and what these have inside.
    fn errors(&self) -> (BTreeSet<TypeId>, bool, bool) {
        let (mut declared, mut bare, mut wrapped) = (BTreeSet::new(), false, false);
        let ports = self.imports.iter().chain(&self.exports);
        for function in ports.flat_map(|port| &port.functions) {
            let Some(Type::Id(id)) = function.result.map(|ty| self.origin(&ty)) else {
                continue;
            };
            let TypeDefKind::Result(result) = &self.resolve.types[id].kind else {
                continue;
            };
            match self.error_form(result.err.as_ref()) {
                ErrorForm::Bare => bare = true,
                ErrorForm::Text => {}
                ErrorForm::Wrapped(_) => wrapped = true,
                ErrorForm::Declared(id) => {
                    declared.insert(id);
                    declared.extend(self.hook_error_in(id).map(|(_, inner)| inner));
                }
            }
        }
        (declared, bare, wrapped)
    }

    pub(super) fn is_error(&self, id: TypeId) -> bool {
        self.errors().0.contains(&id)
    }

    fn is_hook_error(&self, id: TypeId) -> bool {
        let ty = &self.resolve.types[id];
        let TypeDefKind::Variant(variant) = &ty.kind else {
            return false;
        };
        let mut cases = variant.cases.iter();
        ty.name.as_deref() == Some(HOOK_ERROR)
            && cases.any(|case| case.name == FAILED && case.ty == Some(Type::String))
    }

    /// The case of an error that has the error of all hooks in it.
    fn hook_error_in(&self, id: TypeId) -> Option<(&str, TypeId)> {
        let TypeDefKind::Variant(variant) = &self.resolve.types[id].kind else {
            return None;
        };
        let mut cases = variant.cases.iter().zip(self.case_names(id));
        cases.find_map(|(case, go_case)| match self.origin(&case.ty?) {
            Type::Id(inner) if self.is_hook_error(inner) => Some((go_case.as_str(), inner)),
            _ => None,
        })
    }

    /// An expression for an error with a text, where the type has a place for it.
    pub(super) fn failure(&self, error: Option<&Type>, text: &str) -> Option<String> {
        let ErrorForm::Declared(id) = self.error_form(error) else {
            return None;
        };
        let failed = |id| format!("{}({text})", self.case_of(id, FAILED).unwrap_or_default());
        if self.is_hook_error(id) {
            return Some(failed(id));
        }
        let (case, inner) = self.hook_error_in(id)?;
        Some(format!("{case}{{Value: {}}}", failed(inner)))
    }

    fn case_of(&self, id: TypeId, name: &str) -> Option<&str> {
        let TypeDefKind::Variant(variant) = &self.resolve.types[id].kind else {
            return None;
        };
        let number = variant.cases.iter().position(|case| case.name == name)?;
        Some(&self.case_names(id)[number])
    }

    /// An expression for what the host is told of an error `err`.
    pub(super) fn lowered_error(&self, error: &Type) -> String {
        match self.error_form(Some(error)) {
            ErrorForm::Bare => String::new(),
            ErrorForm::Text => "err.Error()".into(),
            ErrorForm::Declared(id) => format!("as{}(err)", self.name(id).unwrap_or_default()),
            ErrorForm::Wrapped(ty) => format!("asFailure[{}](err)", self.go_type(&ty)),
        }
    }
}

/// The methods of errors, and what becomes of those that hooks return.
pub(super) fn errors(surface: &Surface, text: &mut Text) {
    let (declared, bare, wrapped) = surface.errors();
    let mut helpers = BTreeSet::new();
    for id in surface.declared.iter().filter(|id| declared.contains(id)) {
        methods(surface, *id, &mut helpers, text);
    }
    for id in helpers {
        record_text(surface, id, text);
    }
    for id in returned(surface) {
        conversion(surface, id, text);
    }
    if bare {
        text.push(include_str!("fixed/bare.go"));
    }
    if wrapped {
        text.push(include_str!("fixed/failure.go"));
    }
    text.push(include_str!("fixed/panics.go"));
}

/// Errors that exported functions return, and those inside of them.
fn returned(surface: &Surface) -> Vec<TypeId> {
    let mut ids = BTreeSet::new();
    for function in surface.exports.iter().flat_map(|port| &port.functions) {
        if let Some(Type::Id(id)) = function.result.map(|ty| surface.origin(&ty))
            && let TypeDefKind::Result(result) = &surface.resolve.types[id].kind
            && let ErrorForm::Declared(id) = surface.error_form(result.err.as_ref())
        {
            ids.insert(id);
            ids.extend(surface.hook_error_in(id).map(|(_, inner)| inner));
        }
    }
    ids.into_iter().collect()
}

fn methods(surface: &Surface, id: TypeId, helpers: &mut BTreeSet<TypeId>, text: &mut Text) {
    let name = surface.name(id).unwrap_or_default().to_owned();
    let prefix = match surface.import_of(id) {
        Some(import) => format!("{}: ", words(import)),
        None => String::new(),
    };
    let mut method = |of: &str, fixed: String, payload: Option<String>| {
        text.gap();
        text.open(format!("func (e {of}) Error() string {{"));
        text.line(match payload {
            Some(payload) if fixed.is_empty() => format!("return {payload}"),
            Some(payload) => format!("return \"{fixed}\" + {payload}"),
            None => format!("return \"{}\"", fixed.trim_end_matches([':', ' '])),
        });
        text.close("}");
    };
    match &surface.resolve.types[id].kind {
        TypeDefKind::Variant(variant) => {
            for (case, go_case) in variant.cases.iter().zip(surface.case_names(id)) {
                let payload = case.ty.as_ref().and_then(|ty| {
                    let value = match surface.is_plain_payload(ty) {
                        true => format!("{}(e)", surface.go_type(ty)),
                        false => "e.Value".into(),
                    };
                    text_of(surface, ty, &value, helpers)
                });
                // "failed" says nothing that its text does not say.
                let fixed = match case.name == FAILED && payload.is_some() {
                    true => prefix.clone(),
                    false => format!("{prefix}{}: ", words(&case.name)),
                };
                method(go_case, fixed, payload);
            }
        }
        TypeDefKind::Enum(_) => method(&name, prefix, Some("e.String()".into())),
        _ => {
            let payload = text_of(surface, &Type::Id(id), "e", helpers);
            method(&name, format!("{prefix}{}: ", spaced(&name)), payload);
        }
    }
}

/// `BadNews` as `bad news`.
fn spaced(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// An expression for the text of a value, where it has one that people read.
fn text_of(
    surface: &Surface,
    ty: &Type,
    value: &str,
    helpers: &mut BTreeSet<TypeId>,
) -> Option<String> {
    let id = match surface.origin(ty) {
        Type::String => return Some(value.into()),
        Type::Bool => return Some(format!("strconv.FormatBool({value})")),
        Type::U64 => return Some(format!("strconv.FormatUint({value}, 10)")),
        Type::S64 => return Some(format!("strconv.FormatInt({value}, 10)")),
        Type::U8 | Type::U16 | Type::U32 => {
            return Some(format!("strconv.FormatUint(uint64({value}), 10)"));
        }
        Type::S8 | Type::S16 | Type::S32 => {
            return Some(format!("strconv.FormatInt(int64({value}), 10)"));
        }
        Type::Id(id) => id,
        _ => return None,
    };
    match &surface.resolve.types[id].kind {
        TypeDefKind::Enum(_) => Some(format!("{value}.String()")),
        TypeDefKind::Variant(_) if surface.is_error(id) => Some(format!("{value}.Error()")),
        TypeDefKind::Record(record) => {
            let mut fields = record.fields.iter();
            let has_text = fields.any(|field| surface.origin(&field.ty) == Type::String);
            if has_text {
                helpers.insert(id);
            }
            has_text.then(|| format!("text{}({value})", surface.name(id).unwrap_or_default()))
        }
        TypeDefKind::List(inner) => match surface.origin(inner) {
            Type::Id(element)
                if matches!(surface.resolve.types[element].kind, TypeDefKind::Record(_)) =>
            {
                text_of(surface, inner, "", helpers)?;
                let name = surface.name(element).unwrap_or_default();
                Some(format!("joined({value}, text{name})"))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The texts of a record, as far as it has some.
fn record_text(surface: &Surface, id: TypeId, text: &mut Text) {
    let TypeDefKind::Record(record) = &surface.resolve.types[id].kind else {
        return;
    };
    let name = surface.name(id).unwrap_or_default();
    let texts = record
        .fields
        .iter()
        .filter(|field| surface.origin(&field.ty) == Type::String);
    let texts: Vec<String> = texts
        .map(|field| format!("v.{}", super::names::exported(&field.name)))
        .collect();
    text.gap();
    text.open(format!("func text{name}(v {name}) string {{"));
    text.line(format!("return labelled({})", texts.join(", ")));
    text.close("}");
}

/// What the host is told of an error that a hook returned.
fn conversion(surface: &Surface, id: TypeId, text: &mut Text) {
    let name = surface.name(id).unwrap_or_default();
    text.gap();
    text.sentence(&format!(
        "as{name} is what the host is told of an error that a hook returned."
    ));
    text.open(format!("func as{name}(err error) {name} {{"));
    text.line(format!("var known {name}"));
    if surface.is_hook_error(id) {
        let failed = surface.case_of(id, FAILED).unwrap_or_default();
        text.open("if errors.As(err, &known) {");
        text.open(format!("if _, isText := known.({failed}); isText {{"));
        text.comment("What was said around it belongs to it.");
        text.line(format!("return {failed}(err.Error())"));
        text.close("}");
        text.line("return known");
        text.close("}");
        if let Some(denied) = surface.case_of(id, DENIED) {
            for (number, (case, grant)) in denials(surface).iter().enumerate() {
                let grant = match grant.is_empty() {
                    true => String::new(),
                    false => format!("\"{grant}\" + "),
                };
                text.line(format!("var denied{number} {case}"));
                text.open(format!("if errors.As(err, &denied{number}) {{"));
                text.line(format!("return {denied}({grant}string(denied{number}))"));
                text.close("}");
            }
        }
        text.line(format!("return {failed}(err.Error())"));
    } else {
        text.open("if errors.As(err, &known) {");
        text.line("return known");
        text.close("}");
        match surface.hook_error_in(id) {
            Some((case, inner)) => {
                let inner = surface.name(inner).unwrap_or_default();
                text.line(format!("return {case}{{Value: as{inner}(err)}}"));
            }
            None => text.line(format!(
                "panic(\"an error that is no {name} was returned: \" + err.Error())"
            )),
        }
    }
    text.close("}");
}

/// The cases of errors of imports that say that a grant is missing, and what
/// to put before their texts.
fn denials(surface: &Surface) -> Vec<(&str, String)> {
    let (errors, ..) = surface.errors();
    let mut found = Vec::new();
    for id in surface.declared.iter().filter(|id| errors.contains(id)) {
        let TypeDefKind::Variant(variant) = &surface.resolve.types[*id].kind else {
            continue;
        };
        let Some(import) = surface.import_of(*id) else {
            continue;
        };
        let mut cases = variant.cases.iter().zip(surface.case_names(*id));
        let denied = cases.find(|(case, _)| case.name == DENIED && case.ty == Some(Type::String));
        if let Some((_, go_case)) = denied {
            let known = GRANTS.iter().find(|(name, _)| *name == import);
            let grant = known.map_or(format!("{import}: "), |(_, grant)| (*grant).into());
            found.push((go_case.as_str(), grant));
        }
    }
    found
}
