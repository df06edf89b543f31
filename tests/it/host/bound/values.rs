//! Values of every type, by chance, and what they are without handles.

use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, ResourceAny, Type, Val};

/// A resource of the host; its number is what it is.
pub(super) struct Thing;

/// What the host remembers.
pub(super) struct Host {
    pub(super) chance: Chance,
    /// The last call of `shapes`: what was asked, and what was answered.
    pub(super) asked: Option<(String, Vec<Val>)>,
    pub(super) answered: Vec<Val>,
    /// Things that were made for values and are not given away yet.
    pub(super) made: Vec<(ResourceAny, u32)>,
    /// Those of them that are lent alone.
    pub(super) lent: Vec<ResourceAny>,
    /// Things that the guest owns.
    pub(super) owned: i64,
}

/// Numbers by chance that are always the same. Source: splitmix64.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A number of which every third is at an end of its range.
    fn number(&mut self) -> u64 {
        let ends = [
            0,
            1,
            u64::MAX,
            1 << 63,
            (1 << 63) - 1,
            0x8080_8080_8080_8080,
        ];
        match self.below(3) {
            0 => ends[self.below(ends.len())],
            _ => self.next(),
        }
    }

    fn float(&mut self) -> f64 {
        let ends = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, -1.5];
        match self.below(3) {
            0 => ends[self.below(ends.len())],
            _ => f64::from_bits(self.next()),
        }
    }

    fn letter(&mut self) -> char {
        let letters = [
            'a',
            '\0',
            'ß',
            '→',
            '\u{d7ff}',
            '\u{e000}',
            '🦀',
            '\u{10ffff}',
        ];
        match self.below(3) {
            0 => letters[self.below(letters.len())],
            _ => char::from_u32(self.below(0x11_0000) as u32).unwrap_or('x'),
        }
    }

    fn text(&mut self) -> String {
        let length = [0, 1, 3, 40, 3000][self.below(5)];
        (0..length).map(|_| self.letter()).collect()
    }
}

fn thing(store: &mut StoreContextMut<'_, Host>) -> ResourceAny {
    let number = store.data_mut().chance.next() as u32;
    let thing = Resource::<Thing>::new_own(number);
    let thing = thing.try_into_resource_any(&mut *store).unwrap();
    store.data_mut().made.push((thing, number));
    thing
}

/// Any value of a type.
fn any(ty: &Type, store: &mut StoreContextMut<'_, Host>) -> Val {
    let chance = &mut store.data_mut().chance;
    match ty {
        Type::Bool => Val::Bool(chance.below(2) == 1),
        Type::S8 => Val::S8(chance.number() as i8),
        Type::U8 => Val::U8(chance.number() as u8),
        Type::S16 => Val::S16(chance.number() as i16),
        Type::U16 => Val::U16(chance.number() as u16),
        Type::S32 => Val::S32(chance.number() as i32),
        Type::U32 => Val::U32(chance.number() as u32),
        Type::S64 => Val::S64(chance.number() as i64),
        Type::U64 => Val::U64(chance.number()),
        Type::Float32 => Val::Float32(chance.float() as f32),
        Type::Float64 => Val::Float64(chance.float()),
        Type::Char => Val::Char(chance.letter()),
        Type::String => Val::String(chance.text()),
        Type::List(list) => {
            let ty = list.ty();
            let length = match ty {
                Type::U8 | Type::U64 | Type::Float32 => [0, 1, 7, 5000],
                _ => [0, 1, 2, 5],
            };
            let length = length[chance.below(4)];
            Val::List((0..length).map(|_| any(&ty, store)).collect())
        }
        Type::Record(record) => {
            let fields = record.fields();
            let fields = fields.map(|field| (field.name.to_owned(), any(&field.ty, store)));
            Val::Record(fields.collect())
        }
        Type::Tuple(tuple) => Val::Tuple(tuple.types().map(|ty| any(&ty, store)).collect()),
        Type::Variant(variant) => {
            let number = chance.below(variant.cases().len());
            let case = variant.cases().nth(number).unwrap();
            let payload = case.ty.map(|ty| Box::new(any(&ty, store)));
            Val::Variant(case.name.to_owned(), payload)
        }
        Type::Enum(cases) => {
            let number = chance.below(cases.names().len());
            Val::Enum(cases.names().nth(number).unwrap().to_owned())
        }
        Type::Option(option) => {
            let is_some = chance.below(3) > 0;
            Val::Option(is_some.then(|| Box::new(any(&option.ty(), store))))
        }
        Type::Result(result) => {
            let is_ok = chance.below(2) == 0;
            let mut side = |ty: Option<Type>| ty.map(|ty| Box::new(any(&ty, store)));
            Val::Result(match is_ok {
                true => Ok(side(result.ok())),
                false => Err(side(result.err())),
            })
        }
        Type::Flags(flags) => {
            let names = flags.names().filter(|_| chance.below(2) == 1);
            Val::Flags(names.map(str::to_owned).collect())
        }
        Type::Own(_) => Val::Resource(thing(store)),
        Type::Borrow(_) => {
            let thing = thing(store);
            store.data_mut().lent.push(thing);
            Val::Resource(thing)
        }
        other => panic!("there is no value of {other:?}"),
    }
}

/// Values of these types, and what they are without handles.
pub(super) fn several(
    types: impl Iterator<Item = Type>,
    store: &mut StoreContextMut<'_, Host>,
) -> (Vec<Val>, Vec<Val>) {
    let values: Vec<Val> = types.map(|ty| any(&ty, store)).collect();
    let plain = values.iter().map(|value| plain(value, store)).collect();
    store.data_mut().made.clear();
    (values, plain)
}

/// A value with the numbers of things in place of their handles. Things that
/// come from the guest are the host's again.
pub(super) fn plain(value: &Val, store: &mut StoreContextMut<'_, Host>) -> Val {
    let mut within = |value: &Val| plain(value, store);
    let boxed = |value: Val| Some(Box::new(value));
    match value {
        Val::Resource(thing) => Val::U32(number(*thing, store)),
        Val::List(list) => Val::List(list.iter().map(within).collect()),
        Val::Tuple(list) => Val::Tuple(list.iter().map(within).collect()),
        Val::Record(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), within(value)));
            Val::Record(fields.collect())
        }
        Val::Variant(name, Some(value)) => Val::Variant(name.clone(), boxed(within(value))),
        Val::Option(Some(value)) => Val::Option(boxed(within(value))),
        Val::Result(Ok(Some(value))) => Val::Result(Ok(boxed(within(value)))),
        Val::Result(Err(Some(value))) => Val::Result(Err(boxed(within(value)))),
        other => other.clone(),
    }
}

fn number(thing: ResourceAny, store: &mut StoreContextMut<'_, Host>) -> u32 {
    let made = &store.data().made;
    match made.iter().find(|(made, _)| *made == thing) {
        Some((_, number)) => *number,
        None => thing.try_into_resource::<Thing>(store).unwrap().rep(),
    }
}
