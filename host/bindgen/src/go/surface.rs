//! What of a world Go sees: its functions, the types that these need, and the
//! names of both.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{
    Docs, Function, FunctionKind, Handle, InterfaceId, Resolve, SizeAlign, Type, TypeDefKind,
    TypeId, TypeOwner, WorldId, WorldItem, WorldKey,
};

use super::names::{Taken, exported};

/// An interface that is imported or exported, or the world itself.
pub(super) struct Port {
    /// `None` for functions of the world itself.
    pub(super) key: Option<WorldKey>,
    /// As in WIT.
    pub(super) name: String,
    pub(super) docs: Docs,
    pub(super) functions: Vec<Function>,
    /// Names of the functions in Go, in the same order.
    pub(super) names: Vec<String>,
    /// For exports the name of the Go interface.
    pub(super) go_name: String,
}

/// All of a world.
pub(super) struct Surface {
    pub(super) resolve: Resolve,
    pub(super) sizes: SizeAlign,
    /// `strategy-plugin`.
    pub(super) world: String,
    pub(super) docs: Docs,
    pub(super) imports: Vec<Port>,
    pub(super) exports: Vec<Port>,
    /// Types that have a declaration, in the order of the interfaces.
    pub(super) declared: Vec<TypeId>,
    /// What imported interfaces are called by in the world.
    pub(super) keys: BTreeMap<InterfaceId, WorldKey>,
    names: BTreeMap<TypeId, String>,
    /// Names of the cases of variants and enums.
    cases: BTreeMap<TypeId, Vec<String>>,
}

impl Surface {
    /// # Errors
    /// When a size cannot be computed.
    pub(super) fn new(resolve: Resolve, id: WorldId) -> Result<Surface, String> {
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve).map_err(|error| format!("{error:#}"))?;
        let world = &resolve.worlds[id];
        let imports = world.imports.iter();
        let keys = imports.filter_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } => Some((*id, key.clone())),
            _ => None,
        });
        let keys = keys.collect();
        let mut surface = Surface {
            keys,
            world: world.name.clone(),
            docs: world.docs.clone(),
            imports: ports(&resolve, id, false),
            exports: ports(&resolve, id, true),
            declared: Vec::new(),
            names: BTreeMap::new(),
            cases: BTreeMap::new(),
            sizes,
            resolve,
        };
        surface.declared = surface.reachable(id);
        surface.give_names();
        Ok(surface)
    }

    /// The Go name of a declared type.
    pub(super) fn name(&self, id: TypeId) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// The Go names of the cases of a variant or an enum.
    pub(super) fn case_names(&self, id: TypeId) -> &[String] {
        self.cases.get(&id).map_or(&[], Vec::as_slice)
    }

    /// A type without the names that were given to it by `use` or `type`.
    pub(super) fn origin(&self, ty: &Type) -> Type {
        match ty {
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Type(inner) => self.origin(inner),
                _ => *ty,
            },
            _ => *ty,
        }
    }

    /// Whether the host lends a resource with it, that is to be dropped.
    pub(super) fn has_borrow(&self, ty: &Type) -> bool {
        let Type::Id(id) = self.origin(ty) else {
            return false;
        };
        let is_borrow = matches!(
            self.resolve.types[id].kind,
            TypeDefKind::Handle(Handle::Borrow(_))
        );
        let mut parts = parts(&self.resolve, id).into_iter();
        is_borrow || parts.any(|part| self.has_borrow(&part))
    }

    /// What the parts of an exported or shared type are called by; an imported
    /// interface puts its name before what it declares.
    fn prefix(&self, owner: TypeOwner) -> Option<&str> {
        let TypeOwner::Interface(id) = owner else {
            return None;
        };
        let is_exported = self.exports.iter().any(|port| interface(port) == Some(id));
        let name = self.resolve.interfaces[id].name.as_deref()?;
        let is_shared = self.resolve.interfaces[id].functions.is_empty();
        (!is_exported && !is_shared).then_some(name)
    }

    /// The name of the import that a type belongs to, for texts of its errors.
    pub(super) fn import_of(&self, id: TypeId) -> Option<&str> {
        self.prefix(self.resolve.types[id].owner)
    }

    /// Types with a declaration that functions need, interface by interface.
    fn reachable(&self, world: WorldId) -> Vec<TypeId> {
        let mut seen = BTreeSet::new();
        let ports = self.exports.iter().chain(&self.imports);
        for function in ports.clone().flat_map(|port| &port.functions) {
            for ty in function.parameter_and_result_types() {
                self.walk(&ty, &mut seen);
            }
            // A constructor names its resource by its result alone.
            seen.extend(function.kind.resource());
        }
        let world = &self.resolve.worlds[world];
        let mut ordered: Vec<TypeId> = Vec::new();
        for item in world.exports.values().chain(world.imports.values()) {
            let types: Vec<TypeId> = match item {
                WorldItem::Interface { id, .. } => {
                    let types = &self.resolve.interfaces[*id].types;
                    types.values().copied().collect()
                }
                WorldItem::Type { id, .. } => vec![*id],
                WorldItem::Function(_) => Vec::new(),
            };
            for id in types {
                if seen.contains(&id) && self.has_declaration(id) && !ordered.contains(&id) {
                    ordered.push(id);
                }
            }
        }
        ordered
    }

    /// Whether Go declares it: not what `use` brings under its own name.
    fn has_declaration(&self, id: TypeId) -> bool {
        let ty = &self.resolve.types[id];
        let Some(name) = &ty.name else { return false };
        match &ty.kind {
            TypeDefKind::Type(Type::Id(inner)) => {
                self.resolve.types[*inner].name.as_ref() != Some(name)
            }
            _ => true,
        }
    }

    fn walk(&self, ty: &Type, seen: &mut BTreeSet<TypeId>) {
        let Type::Id(id) = ty else { return };
        if !seen.insert(*id) {
            return;
        }
        for part in parts(&self.resolve, *id) {
            self.walk(&part, seen);
        }
        if let TypeDefKind::Handle(Handle::Own(inner) | Handle::Borrow(inner)) =
            &self.resolve.types[*id].kind
        {
            self.walk(&Type::Id(*inner), seen);
        }
    }

    fn give_names(&mut self) {
        let mut taken = Taken::default();
        for fixed in ["Some", "Result", "Failure", "ErrFailed"] {
            taken.reserve(fixed);
        }
        for arity in 2..=16 {
            taken.reserve(&format!("Tuple{arity}"));
        }
        let go_names: Vec<String> = self
            .exports
            .iter()
            .map(|port| {
                let name = exported(&port.name);
                let name = taken.take(name.clone(), format!("{name}Hook"));
                taken.reserve(&format!("Export{name}"));
                name
            })
            .collect();
        for (port, name) in self.exports.iter_mut().zip(go_names) {
            port.names = port.functions.iter().map(method).collect();
            port.go_name = name;
        }
        for id in self.declared.clone() {
            let ty = &self.resolve.types[id];
            let kebab = ty.name.clone().unwrap_or_default();
            let full = match self.prefix(ty.owner) {
                Some(prefix) => with_prefix(prefix, &kebab),
                None => exported(&kebab),
            };
            let second = match ty.owner {
                TypeOwner::Interface(owner) => {
                    let owner = self.resolve.interfaces[owner].name.as_deref();
                    exported(owner.unwrap_or_default()) + &exported(&kebab)
                }
                _ => format!("{full}Type"),
            };
            self.names.insert(id, taken.take(full, second));
        }
        for id in &self.declared {
            let cases: Vec<&str> = match &self.resolve.types[*id].kind {
                TypeDefKind::Variant(variant) => variant.cases.iter().map(|c| &*c.name).collect(),
                TypeDefKind::Enum(cases) => cases.cases.iter().map(|c| &*c.name).collect(),
                TypeDefKind::Flags(flags) => flags.flags.iter().map(|f| &*f.name).collect(),
                _ => continue,
            };
            let of = &self.names[id];
            let cases = cases.iter().map(|case| {
                let name = format!("{of}{}", exported(case));
                taken.take(name.clone(), format!("{name}Case"))
            });
            self.cases.insert(*id, cases.collect());
        }
        for number in 0..self.imports.len() {
            let names = self.import_names(&self.imports[number], &mut taken);
            self.imports[number].names = names;
        }
    }

    fn import_names(&self, port: &Port, taken: &mut Taken) -> Vec<String> {
        let named = port.functions.iter().map(|function| {
            let item = function.item_name();
            let resource = function.kind.resource();
            let resource = resource.and_then(|id| self.name(id)).unwrap_or_default();
            let name = match &function.kind {
                // Methods share no name with anything.
                FunctionKind::Method(_)
                | FunctionKind::MethodGetter(_)
                | FunctionKind::MethodSetter(_) => return method(function),
                FunctionKind::Constructor(_) => format!("New{resource}"),
                FunctionKind::Static(_)
                | FunctionKind::StaticGetter(_)
                | FunctionKind::StaticSetter(_) => format!("{resource}{}", exported(item)),
                _ if port.key.is_none() => exported(item),
                _ => with_prefix(&port.name, item),
            };
            let name = taken.take(name.clone(), format!("Call{name}"));
            taken.reserve(&format!("Fake{name}"));
            name
        });
        named.collect()
    }
}

/// The interface of a port.
fn interface(port: &Port) -> Option<InterfaceId> {
    match &port.key {
        Some(WorldKey::Interface(id)) => Some(*id),
        _ => None,
    }
}

/// `process` and `output` as `ProcessOutput`; `log` and `log-level` as `LogLevel`,
/// `secrets` and `secret-error` as `SecretError`.
fn with_prefix(prefix: &str, kebab: &str) -> String {
    let singular = prefix.strip_suffix('s').unwrap_or(prefix);
    let begins = |with: &str| {
        let rest = kebab.strip_prefix(with);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    match begins(prefix) || begins(singular) {
        true => exported(kebab),
        false => exported(prefix) + &exported(kebab),
    }
}

/// A method is called as the function is; `Drop` is taken.
fn method(function: &Function) -> String {
    let name = exported(function.item_name());
    match name == "Drop" && function.kind.resource().is_some() {
        true => "DropMethod".into(),
        false => name,
    }
}

/// The types that a type is made of, but not the resource behind a handle.
pub(super) fn parts(resolve: &Resolve, id: TypeId) -> Vec<Type> {
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Option(inner) | TypeDefKind::List(inner) | TypeDefKind::Type(inner) => {
            vec![*inner]
        }
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        _ => Vec::new(),
    }
}

fn ports(resolve: &Resolve, id: WorldId, is_export: bool) -> Vec<Port> {
    let world = &resolve.worlds[id];
    let items = if is_export {
        &world.exports
    } else {
        &world.imports
    };
    let mut ports = Vec::new();
    let mut own = Vec::new();
    for (key, item) in items {
        match item {
            WorldItem::Interface { id: interface, .. } => {
                if !is_export && is_for_types_alone(resolve, id, *interface) {
                    continue;
                }
                let interface = &resolve.interfaces[*interface];
                let inline = match key {
                    WorldKey::Name(name) => Some(name),
                    WorldKey::Interface(_) => interface.name.as_ref(),
                };
                ports.push(Port {
                    key: Some(key.clone()),
                    name: inline.cloned().unwrap_or_default(),
                    docs: interface.docs.clone(),
                    functions: interface.functions.values().cloned().collect(),
                    names: Vec::new(),
                    go_name: String::new(),
                });
            }
            WorldItem::Function(function) => own.push(function.clone()),
            WorldItem::Type { .. } => {}
        }
    }
    ports.retain(|port| !port.functions.is_empty());
    if !own.is_empty() {
        ports.push(Port {
            key: None,
            name: world.name.clone(),
            docs: world.docs.clone(),
            functions: own,
            names: Vec::new(),
            go_name: String::new(),
        });
    }
    ports
}

/// An export whose types come from an interface that other plugins export, as
/// those of a target from `monitor`, has that interface among its imports, and
/// nobody answers its functions.
fn is_for_types_alone(resolve: &Resolve, world: WorldId, interface: InterfaceId) -> bool {
    let key = WorldKey::Interface(interface);
    let package = resolve.worlds[world].package;
    let is_exported_here = resolve.worlds[world].exports.contains_key(&key);
    let mut others = resolve.worlds.iter();
    !is_exported_here
        && others.any(|(_, other)| other.package == package && other.exports.contains_key(&key))
}
