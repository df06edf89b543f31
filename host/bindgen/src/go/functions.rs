//! What an author sees of functions: the interface of the hook, the functions of
//! the imports, and what stands for them outside of the sandbox.

use wit_parser::{Function, FunctionKind, Type, TypeDefKind};

use super::errors::ErrorForm;
use super::names::parameter;
use super::surface::{Port, Surface};
use super::text::Text;

/// A function as Go sees it.
pub(super) struct Shape {
    pub(super) params: Vec<(String, Type)>,
    pub(super) outcome: Outcome,
    /// Whether the first parameter is the receiver.
    is_method: bool,
}

/// What comes of a function.
pub(super) enum Outcome {
    Nothing,
    Value(Type),
    /// Value and error.
    Fallible([Option<Type>; 2]),
}

impl Shape {
    pub(super) fn of(surface: &Surface, function: &Function) -> Shape {
        let params = function.params.iter();
        let outcome = match &function.result {
            None => Outcome::Nothing,
            Some(ty) => match surface.origin(ty) {
                Type::Id(id) => match &surface.resolve.types[id].kind {
                    TypeDefKind::Result(result) => Outcome::Fallible([result.ok, result.err]),
                    _ => Outcome::Value(*ty),
                },
                _ => Outcome::Value(*ty),
            },
        };
        Shape {
            params: params
                .map(|param| (parameter(&param.name), param.ty))
                .collect(),
            outcome,
            is_method: matches!(
                function.kind,
                FunctionKind::Method(_)
                    | FunctionKind::MethodGetter(_)
                    | FunctionKind::MethodSetter(_)
            ),
        }
        .typed(surface)
    }

    /// Keeps the Go types of parameters beside their names.
    fn typed(mut self, surface: &Surface) -> Shape {
        for (name, ty) in &mut self.params {
            *name = format!("{name} {}", surface.go_type(ty));
        }
        self
    }

    fn declared(&self, from: usize) -> String {
        let params = self.params[from..].iter();
        let params: Vec<&str> = params.map(|(name, _)| name.as_str()).collect();
        params.join(", ")
    }

    /// Parameters by number: `p0 string, p1 uint64`.
    pub(super) fn numbered(&self) -> String {
        let types = self.types();
        let numbered = types.iter().enumerate();
        let numbered: Vec<String> = numbered.map(|(n, ty)| format!("p{n} {ty}")).collect();
        numbered.join(", ")
    }

    fn types(&self) -> Vec<&str> {
        let params = self.params.iter();
        params
            .map(|(name, _)| name.split_once(' ').map_or("", |(_, ty)| ty))
            .collect()
    }

    fn names(&self) -> String {
        let params = self.params.iter();
        let names: Vec<&str> = params
            .map(|(name, _)| name.split(' ').next().unwrap_or_default())
            .collect();
        names.join(", ")
    }

    /// Results with the space before them; empty for none.
    pub(super) fn results(&self, surface: &Surface) -> String {
        match &self.outcome {
            Outcome::Nothing => String::new(),
            Outcome::Value(ty) => format!(" {}", surface.go_type(ty)),
            Outcome::Fallible([None, _]) => " error".into(),
            Outcome::Fallible([Some(ok), _]) => format!(" ({}, error)", surface.go_type(ok)),
        }
    }
}

/// The name of a function for what is inside: methods have that of their
/// resource before their own.
pub(super) fn inner_name(surface: &Surface, function: &Function, name: &str) -> String {
    match (&function.kind, function.kind.resource()) {
        (
            FunctionKind::Method(_) | FunctionKind::MethodGetter(_) | FunctionKind::MethodSetter(_),
            Some(id),
        ) => format!("{}{name}", surface.name(id).unwrap_or_default()),
        _ => name.into(),
    }
}

/// A comment on the error of a function, where its type says something.
fn error_note(surface: &Surface, shape: &Shape, text: &mut Text, has_docs: bool) {
    let Outcome::Fallible(sides) = &shape.outcome else {
        return;
    };
    if let ErrorForm::Declared(id) = surface.error_form(sides[1].as_ref()) {
        if has_docs {
            text.line("//");
        }
        let name = surface.name(id).unwrap_or_default();
        text.comment(&format!("Its error is of the type {name}."));
    }
}

/// The Go interfaces of what is exported, and how a plugin gives them.
pub(super) fn hooks(surface: &Surface, text: &mut Text) {
    for port in &surface.exports {
        let name = &port.go_name;
        text.gap();
        match &port.docs.contents {
            Some(docs) => text.comment(docs),
            None => text.comment(&format!("{name} is what the plugin is to have.")),
        }
        text.open(format!("type {name} interface {{"));
        for (function, method) in port.functions.iter().zip(&port.names) {
            let shape = Shape::of(surface, function);
            text.docs(&function.docs);
            text.line(format!(
                "{method}({}){}",
                shape.declared(0),
                shape.results(surface)
            ));
        }
        text.close("}");
        text.gap();
        text.line(format!("var the{name} {name}"));
        text.gap();
        text.sentence(&format!(
            "Export{name} says what answers the host. It is to be called in func init: main is never run."
        ));
        text.line(format!(
            "func Export{name}(hook {name}) {{ the{name} = hook }}"
        ));
        text.gap();
        text.open(format!("func exported{name}() {name} {{"));
        text.open(format!("if the{name} == nil {{"));
        text.line(format!(
            "panic(\"nothing answers: call baepo.Export{name} in func init\")"
        ));
        text.close("}");
        text.line(format!("return the{name}"));
        text.close("}");
    }
}

/// The functions of the imports, each with what answers it in a test.
pub(super) fn imports(surface: &Surface, text: &mut Text) {
    for port in &surface.imports {
        for (function, name) in port.functions.iter().zip(&port.names) {
            imported(surface, port, function, name, text);
        }
    }
    for id in &surface.declared {
        if matches!(surface.resolve.types[*id].kind, TypeDefKind::Resource) {
            let name = surface.name(*id).unwrap_or_default();
            text.push(&include_str!("fixed/resource.go").replace("@TYPE@", name));
        }
    }
}

fn imported(surface: &Surface, port: &Port, function: &Function, name: &str, text: &mut Text) {
    let shape = Shape::of(surface, function);
    let inner = inner_name(surface, function, name);
    let results = shape.results(surface);
    let shown = match shape.is_method {
        true => format!("{name} of {}", shape.types()[0].trim_start_matches('*')),
        false => name.into(),
    };
    text.gap();
    text.sentence(&format!(
        "Fake{inner} answers {shown} where it is set, as a test does."
    ));
    text.line(format!(
        "var Fake{inner} func({}){results}",
        shape.declared(0)
    ));
    text.gap();
    match &function.docs.contents {
        Some(docs) => text.comment(docs),
        None => text.comment(&format!(
            "{name} is `{}` of `{}`.",
            function.name, port.name
        )),
    }
    error_note(surface, &shape, text, true);
    match shape.is_method {
        true => text.open(format!(
            "func ({}) {name}({}){results} {{",
            shape.declared(0).split(", ").next().unwrap_or_default(),
            shape.declared(1)
        )),
        false => text.open(format!("func {name}({}){results} {{", shape.declared(0))),
    }
    let arguments = shape.names();
    let returns = if results.is_empty() { "" } else { "return " };
    text.open(format!("if Fake{inner} != nil {{"));
    text.line(format!("{returns}Fake{inner}({arguments})"));
    if results.is_empty() {
        text.line("return");
    }
    text.close("}");
    text.line(format!("{returns}call{inner}({arguments})"));
    text.close("}");
}

/// What stands for the imports where there is no host.
pub(super) fn natives(surface: &Surface, text: &mut Text) {
    for port in &surface.imports {
        for (function, name) in port.functions.iter().zip(&port.names) {
            let shape = Shape::of(surface, function);
            let inner = inner_name(surface, function, name);
            let params = shape.types().join(", ");
            let results = shape.results(surface);
            text.gap();
            if results.is_empty() {
                text.comment("Nothing is expected of it.");
                text.line(format!("func call{inner}({params}) {{}}"));
                continue;
            }
            text.open(format!("func call{inner}({params}){results} {{"));
            text.line(format!(
                "panic(\"baepo.{name} has an answer only in the sandbox: set baepo.Fake{inner} in the test\")"
            ));
            text.close("}");
        }
    }
    for id in &surface.declared {
        if matches!(surface.resolve.types[*id].kind, TypeDefKind::Resource) {
            let name = surface.name(*id).unwrap_or_default();
            text.gap();
            text.line(format!("func drop{name}(uint32) {{}}"));
        }
    }
}

impl Surface {
    /// The line that says a text loudly, where the world has the log.
    pub(super) fn log_call(&self, value: &str) -> Option<String> {
        let port = self.imports.iter().find(|port| port.name == "log")?;
        let number = port
            .functions
            .iter()
            .position(|function| function.name == "log")?;
        let params: Vec<Type> = port.functions[number].params.iter().map(|p| p.ty).collect();
        let [Type::Id(level), Type::String, Type::Id(fields)] = params[..] else {
            return None;
        };
        let (Type::Id(level), Type::Id(fields)) = (
            self.origin(&Type::Id(level)),
            self.origin(&Type::Id(fields)),
        ) else {
            return None;
        };
        let TypeDefKind::Enum(levels) = &self.resolve.types[level].kind else {
            return None;
        };
        let TypeDefKind::List(_) = &self.resolve.types[fields].kind else {
            return None;
        };
        let error = levels.cases.iter().position(|case| case.name == "error")?;
        let level = &self.case_names(level)[error];
        Some(format!("{}({level}, {value}, nil)", port.names[number]))
    }
}
