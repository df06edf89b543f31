//! The canonical ABI: for each type that crosses the boundary up to four
//! functions of Go, made when another asks for them.
//!
//! - `load` and `store` – from and to linear memory
//! - `lift` and `lower` – from and to parameters and results of core functions
//!
//! Sizes, offsets and flat types are those of `wit-parser`.
//! Source: <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>

use std::collections::{BTreeMap, BTreeSet};

use wit_bindgen_core::abi::{WasmType, flat_types};
use wit_parser::{Handle, Type, TypeDefKind};

use super::names::exported;
use super::surface::Surface;
use super::text::Text;

/// What a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Load,
    Store,
    Lift,
    Lower,
}

/// All functions that were asked for.
pub(super) struct Abi<'a> {
    pub(super) surface: &'a Surface,
    /// By a description of the type that is unambiguous: the name in Go.
    names: BTreeMap<String, String>,
    taken: super::names::Taken,
    pending: Vec<(Op, Type)>,
    asked: BTreeSet<(String, Op)>,
    done: BTreeMap<(String, Op), String>,
}

impl<'a> Abi<'a> {
    pub(super) fn new(surface: &'a Surface) -> Abi<'a> {
        Abi {
            surface,
            names: BTreeMap::new(),
            taken: super::names::Taken::default(),
            pending: Vec::new(),
            asked: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }

    /// A line that names a field which was forgotten, where that can be seen: an
    /// enum or a variant without a case.
    pub(super) fn check_set(&self, go_type: &str, member: &str, ty: &Type) -> Option<String> {
        let mut ty = *ty;
        let nothing = loop {
            let Type::Id(id) = ty else { return None };
            match &self.surface.resolve.types[id].kind {
                TypeDefKind::Type(alias) => ty = *alias,
                TypeDefKind::Enum(_) => break "0",
                TypeDefKind::Variant(_) => break "nil",
                _ => return None,
            }
        };
        let name = format!("{go_type}{member}");
        Some(format!("mustBeSet(v{member} != {nothing}, \"{name}\")"))
    }

    /// Writes all that was asked for, by name.
    pub(super) fn write(mut self, text: &mut Text) {
        while let Some((op, ty)) = self.pending.pop() {
            let name = self.routine_name(&ty);
            let mut routine = Text::default();
            routine.gap();
            match op {
                Op::Load | Op::Store => {
                    super::memory::routine(&mut self, op, &name, &ty, &mut routine)
                }
                Op::Lift | Op::Lower => {
                    super::flat::routine(&mut self, op, &name, &ty, &mut routine)
                }
            }
            self.done.insert((name, op), routine.finish());
        }
        for routine in self.done.values() {
            text.push(routine);
        }
    }

    pub(super) fn size(&self, ty: &Type) -> usize {
        self.surface.sizes.size(ty).size_wasm32()
    }

    /// The flat types of a type.
    pub(super) fn flat(&self, ty: &Type) -> Vec<WasmType> {
        flat_types(&self.surface.resolve, ty, None).unwrap_or_default()
    }

    /// The name of a function that takes an address and gives the value.
    pub(super) fn loader(&mut self, ty: &Type) -> String {
        self.in_memory(Op::Load, ty)
    }

    /// The name of a function that takes memory to be kept, an address and the
    /// value.
    pub(super) fn storer(&mut self, ty: &Type) -> String {
        self.in_memory(Op::Store, ty)
    }

    fn in_memory(&mut self, op: Op, ty: &Type) -> String {
        let verb = match op {
            Op::Load => "load",
            _ => "store",
        };
        match self.surface.origin(ty) {
            Type::Bool => format!("{verb}Bool"),
            Type::String => format!("{verb}String"),
            Type::Char => format!("{verb}Rune"),
            Type::Id(id) => match &self.surface.resolve.types[id].kind {
                TypeDefKind::List(inner) if is_scalar(&self.surface.origin(inner)) => {
                    format!("{verb}Slice[{}]", self.surface.go_type(inner))
                }
                TypeDefKind::Flags(_) => format!("{verb}[{}]", self.surface.go_type(&Type::Id(id))),
                _ => self.ask(op, verb, &Type::Id(id)),
            },
            scalar => format!("{verb}[{}]", self.surface.go_type(&scalar)),
        }
    }

    fn ask(&mut self, op: Op, verb: &str, ty: &Type) -> String {
        let name = self.routine_name(ty);
        if self.asked.insert((name.clone(), op)) {
            self.pending.push((op, *ty));
        }
        format!("{verb}{name}")
    }

    /// An expression for the value of flat parts.
    pub(super) fn lift(&mut self, ty: &Type, parts: &[String]) -> String {
        let all = parts.join(", ");
        let go_type = |surface: &Surface, ty: &Type| surface.go_type(ty);
        match self.surface.origin(ty) {
            Type::Bool => format!("{all} != 0"),
            Type::U32 | Type::U64 | Type::F32 | Type::F64 => all,
            Type::String => format!("liftString({all})"),
            Type::Id(id) => match &self.surface.resolve.types[id].kind {
                TypeDefKind::List(inner) => {
                    let inner = *inner;
                    if is_scalar(&self.surface.origin(&inner)) {
                        return format!("liftSlice[{}]({all})", go_type(self.surface, &inner));
                    }
                    let (size, loader) = (self.size(&inner), self.loader(&inner));
                    format!("liftList({all}, {size}, {loader})")
                }
                TypeDefKind::Flags(_) => {
                    format!("{}({all})", go_type(self.surface, &Type::Id(id)))
                }
                _ => format!("{}({all})", self.ask(Op::Lift, "lift", &Type::Id(id))),
            },
            scalar => format!("{}({all})", go_type(self.surface, &scalar)),
        }
    }

    /// An expression for the flat parts of a value; as many as the type has.
    pub(super) fn lower(&mut self, ty: &Type, value: &str) -> String {
        match self.surface.origin(ty) {
            Type::Bool => format!("lowerBool({value})"),
            Type::Char => format!("lowerRune({value})"),
            Type::U8 | Type::U16 | Type::S32 => format!("uint32({value})"),
            Type::S8 | Type::S16 => format!("uint32(int32({value}))"),
            Type::S64 => format!("uint64({value})"),
            Type::String => format!("lowerString(m, {value})"),
            Type::Id(id) => match &self.surface.resolve.types[id].kind {
                TypeDefKind::List(inner) => {
                    let inner = *inner;
                    if is_scalar(&self.surface.origin(&inner)) {
                        return format!("lowerSlice(m, {value})");
                    }
                    let (size, storer) = (self.size(&inner), self.storer(&inner));
                    format!("lowerList(m, {value}, {size}, {storer})")
                }
                TypeDefKind::Flags(_) => format!("uint32({value})"),
                _ => format!(
                    "{}(m, {value})",
                    self.ask(Op::Lower, "lower", &Type::Id(id))
                ),
            },
            _ => value.into(),
        }
    }

    fn routine_name(&mut self, ty: &Type) -> String {
        let key = self.key(ty);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let plain: String = key
            .split(|letter: char| !letter.is_alphanumeric())
            .map(capital)
            .collect();
        let name = self.taken.take(plain.clone(), plain);
        self.names.insert(key, name.clone());
        name
    }

    /// A type in words; two that are different in the ABI are different here.
    fn key(&self, ty: &Type) -> String {
        let id = match self.surface.origin(ty) {
            Type::Id(id) => id,
            scalar => return self.surface.go_type(&scalar),
        };
        let surface = self.surface;
        let several = |types: &[Type]| {
            let keys: Vec<String> = types.iter().map(|ty| self.key(ty)).collect();
            keys.join(",")
        };
        let part = |ty: &Option<Type>| ty.as_ref().map_or("nothing".into(), |ty| self.key(ty));
        match &surface.resolve.types[id].kind {
            TypeDefKind::List(inner) => format!("list({})", self.key(inner)),
            TypeDefKind::Option(inner) => format!("option({})", self.key(inner)),
            TypeDefKind::Tuple(tuple) => format!("tuple({})", several(&tuple.types)),
            TypeDefKind::Result(result) => {
                format!("result({},{})", part(&result.ok), part(&result.err))
            }
            TypeDefKind::Handle(Handle::Own(resource)) => {
                format!("own({})", self.key(&Type::Id(*resource)))
            }
            TypeDefKind::Handle(Handle::Borrow(resource)) => {
                format!("borrow({})", self.key(&Type::Id(*resource)))
            }
            _ => surface.go_type(&Type::Id(id)),
        }
    }
}

/// Whether lists of it lie in memory as slices of Go do.
fn is_scalar(ty: &Type) -> bool {
    matches!(
        ty,
        Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::S8
            | Type::S16
            | Type::S32
            | Type::S64
            | Type::F32
            | Type::F64
    )
}

/// A flat type as Go writes it.
pub(super) fn go_flat(flat: WasmType) -> &'static str {
    match flat {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "uint32",
        WasmType::I64 | WasmType::PointerOrI64 => "uint64",
        WasmType::F32 => "float32",
        WasmType::F64 => "float64",
    }
}

/// Names with their types, as parameters or results: `a0, a1 uint32, a2 uint64`.
pub(super) fn listed(letter: char, flats: &[WasmType]) -> String {
    let mut out = String::new();
    for (number, flat) in flats.iter().enumerate() {
        if number > 0 {
            out.push_str(", ");
        }
        out.push_str(&format!("{letter}{number}"));
        let next = flats.get(number + 1).map(|next| go_flat(*next));
        if next != Some(go_flat(*flat)) {
            out.push_str(&format!(" {}", go_flat(*flat)));
        }
    }
    out
}

/// A flat value as another flat type: what the cases of a variant have in
/// common is at least as wide as each.
pub(super) fn cast(value: &str, from: WasmType, to: WasmType) -> String {
    match (go_flat(from), go_flat(to)) {
        (from, to) if from == to => value.into(),
        ("float32", "uint32") => format!("math.Float32bits({value})"),
        ("uint32", "float32") => format!("math.Float32frombits({value})"),
        ("float64", "uint64") => format!("math.Float64bits({value})"),
        ("uint64", "float64") => format!("math.Float64frombits({value})"),
        ("float32", "uint64") => format!("uint64(math.Float32bits({value}))"),
        ("uint64", "float32") => format!("math.Float32frombits(uint32({value}))"),
        (_, to) => format!("{to}({value})"),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    match word.starts_with(char::is_uppercase) {
        true => word.into(),
        false if word.contains(char::is_uppercase) => first.into_iter().chain(letters).collect(),
        false => exported(word),
    }
}
