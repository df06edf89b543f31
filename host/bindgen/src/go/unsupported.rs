//! What this generator has no form for, told before anything is written.

use wit_parser::{
    FlagsRepr, Function, FunctionKind, Resolve, Type, TypeDefKind, WorldId, WorldItem,
};

use crate::BindgenError;

fn refuse(what: String) -> BindgenError {
    BindgenError::Unsupported {
        what,
        language: "Go",
    }
}

/// Looks at all that a world imports and exports.
pub(super) fn check(resolve: &Resolve, world: WorldId) -> Result<(), BindgenError> {
    let world = &resolve.worlds[world];
    let both = [(&world.imports, false), (&world.exports, true)];
    for (items, is_export) in both {
        for item in items.values() {
            match item {
                WorldItem::Interface { id, .. } => {
                    let interface = &resolve.interfaces[*id];
                    for ty in interface.types.values() {
                        check_type(resolve, &Type::Id(*ty))?;
                        let name = interface.name.as_deref().unwrap_or_default();
                        check_resource(resolve, *ty, is_export, name)?;
                    }
                    for function in interface.functions.values() {
                        check_function(resolve, function)?;
                    }
                }
                WorldItem::Function(function) => check_function(resolve, function)?,
                WorldItem::Type { id, .. } => {
                    check_type(resolve, &Type::Id(*id))?;
                    check_resource(resolve, *id, is_export, &world.name)?;
                }
            }
        }
    }
    Ok(())
}

/// A resource that the plugin would have to make.
fn check_resource(
    resolve: &Resolve,
    id: wit_parser::TypeId,
    is_export: bool,
    owner: &str,
) -> Result<(), BindgenError> {
    let ty = &resolve.types[id];
    if is_export && matches!(ty.kind, TypeDefKind::Resource) {
        let name = ty.name.as_deref().unwrap_or_default();
        return Err(refuse(format!(
            "the exported resource `{name}` of `{owner}`"
        )));
    }
    Ok(())
}

fn check_function(resolve: &Resolve, function: &Function) -> Result<(), BindgenError> {
    let is_async = matches!(
        function.kind,
        FunctionKind::AsyncFreestanding
            | FunctionKind::AsyncMethod(_)
            | FunctionKind::AsyncStatic(_)
    );
    if is_async {
        return Err(refuse(format!("the async function `{}`", function.name)));
    }
    function
        .parameter_and_result_types()
        .try_for_each(|ty| check_type(resolve, &ty))
}

fn check_type(resolve: &Resolve, ty: &Type) -> Result<(), BindgenError> {
    let id = match ty {
        Type::ErrorContext => return Err(refuse("an `error-context`".into())),
        Type::Id(id) => *id,
        _ => return Ok(()),
    };
    let parts: Vec<Type> = match &resolve.types[id].kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Option(inner) | TypeDefKind::List(inner) | TypeDefKind::Type(inner) => {
            vec![*inner]
        }
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Flags(flags) => match flags.repr() {
            FlagsRepr::U32(count) if count != 1 => {
                return Err(refuse(format!("a set of {} flags", flags.flags.len())));
            }
            _ => Vec::new(),
        },
        TypeDefKind::Enum(_) | TypeDefKind::Resource | TypeDefKind::Handle(_) => Vec::new(),
        TypeDefKind::Map(..) => return Err(refuse("a `map`".into())),
        TypeDefKind::FixedLengthList(..) => {
            return Err(refuse("a list of fixed length".into()));
        }
        TypeDefKind::Future(_) => return Err(refuse("a `future`".into())),
        TypeDefKind::Stream(_) => return Err(refuse("a `stream`".into())),
        TypeDefKind::Unknown => return Err(refuse("a type of unknown kind".into())),
    };
    parts.iter().try_for_each(|part| check_type(resolve, part))
}
