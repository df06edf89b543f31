//! Bindings against a real host: a guest in Go has each function of
//! `every-type.wit` as an import and as an export, and hands on what it gets.
//! Whatever goes in has to arrive, and whatever is answered has to come back.
//!
//! It needs the compiler of Go, so it runs with `cargo xtask guests` alone.

mod values;

use std::path::{Path, PathBuf};
use std::process::Command;

use baepo_runtime::plugin::null_wasi;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Func, Instance, Linker, Resource, ResourceType, Val};
use wasmtime::{AsContextMut, Engine, Store, StoreContextMut};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use values::{Chance, Host, Thing, plain, several};

const WIT: &str = include_str!("../guests/every-type.wit");
const GUEST: &str = include_str!("../guests/every_type.go");
const SHAPES: &str = "test:types/shapes@0.1.0";
const THINGS: &str = "test:types/things@0.1.0";
const ACTS: &str = "test:types/acts@0.1.0";

/// How often each function is called.
const CALLS: usize = 250;

/// Where `cargo xtask guests` puts Go, else where a person has it.
fn compiler() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = here.parent().unwrap_or(here).join("target/tools/bin/go");
    match own.is_file() {
        true => own,
        false => "go".into(),
    }
}

/// The guest as a component.
fn guest() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let bindings = folder.path().join("baepo");
    std::fs::create_dir(&bindings).unwrap();
    let files = baepo_bindgen::go(&[("every-type.wit", WIT)], "every-type").unwrap();
    for file in files {
        std::fs::write(bindings.join(&file.name), &file.content).unwrap();
    }
    std::fs::write(folder.path().join("main.go"), GUEST).unwrap();
    std::fs::write(
        folder.path().join("go.mod"),
        "module every-type\n\ngo 1.24\n",
    )
    .unwrap();
    let go = |arguments: &[&str]| {
        let output = Command::new(compiler())
            .args(arguments)
            .current_dir(folder.path())
            .envs([("GOOS", "wasip1"), ("GOARCH", "wasm")])
            .envs([("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
            .output()
            .unwrap();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "go {arguments:?}: {wrong}");
        String::from_utf8(output.stdout).unwrap()
    };
    let format = Path::new(go(&["env", "GOROOT"]).trim()).join("bin/gofmt");
    let format = Command::new(format).arg("-l").arg(folder.path()).output();
    assert_eq!(String::from_utf8_lossy(&format.unwrap().stdout), "");
    go(&["vet", "./..."]);
    let flags = "-ldflags=-s -w -buildid=";
    let out = "-o=core.wasm";
    go(&["build", "-trimpath", "-buildmode=c-shared", flags, out, "."]);
    let mut module = std::fs::read(folder.path().join("core.wasm")).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("every-type.wit", WIT).unwrap();
    let world = resolve
        .select_world(&[package], Some("every-type"))
        .unwrap();
    let encoding = StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding, false).unwrap();
    let wasi = null_wasi().unwrap();
    ComponentEncoder::default()
        .validate(true)
        .adapter("wasi_snapshot_preview1", &wasi)
        .unwrap()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// A guest that runs.
struct Running {
    store: Store<Host>,
    instance: Instance,
    shapes: Vec<(String, ComponentFunc)>,
}

impl Running {
    fn new() -> Running {
        let engine = Engine::default();
        let component = Component::new(&engine, guest()).unwrap();
        let ty = component.component_type();
        let mut shapes = Vec::new();
        let exported = ty.get_export(&engine, SHAPES).unwrap();
        let ComponentItem::ComponentInstance(exported) = exported.ty else {
            panic!("{SHAPES} is no interface");
        };
        for (name, item) in exported.exports(&engine) {
            if let ComponentItem::ComponentFunc(function) = item.ty {
                shapes.push((name.to_owned(), function));
            }
        }
        let mut linker = Linker::new(&engine);
        link_things(&mut linker);
        let mut interface = linker.instance(SHAPES).unwrap();
        let ty = ResourceType::host::<Thing>();
        interface.resource("thing", ty, gone).unwrap();
        for (name, _) in &shapes {
            let asked = name.clone();
            let answer = move |mut store: StoreContextMut<'_, Host>,
                               ty: ComponentFunc,
                               params: &[Val],
                               results: &mut [Val]| {
                let seen = params.iter().map(|value| plain(value, &mut store));
                let seen = seen.collect();
                store.data_mut().asked = Some((asked.clone(), seen));
                let (values, answered) = several(ty.results(), &mut store);
                store.data_mut().answered = answered;
                results.clone_from_slice(&values);
                Ok(())
            };
            interface.func_new(name, answer).unwrap();
        }
        // Only what dies prints something.
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let host = Host {
            chance: Chance(7),
            asked: None,
            answered: Vec::new(),
            made: Vec::new(),
            lent: Vec::new(),
            owned: 0,
        };
        let mut store = Store::new(&engine, host);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Running {
            store,
            instance,
            shapes,
        }
    }

    fn function(&mut self, interface: &str, name: &str) -> Func {
        let store = &mut self.store;
        let interface = self.instance.get_export_index(&mut *store, None, interface);
        let function = self
            .instance
            .get_export_index(&mut *store, interface.as_ref(), name);
        self.instance.get_func(store, function.unwrap()).unwrap()
    }

    /// What a function of `acts` says.
    fn act(&mut self, name: &str, params: &[Val]) -> Val {
        let function = self.function(ACTS, name);
        let mut results = [Val::Bool(false)];
        function
            .call(&mut self.store, params, &mut results)
            .unwrap();
        let [result] = results;
        result
    }

    /// The text with which it fails.
    fn falls(&mut self, how: u32) -> String {
        let Val::Result(Err(Some(error))) = self.act("fall", &[Val::U32(how)]) else {
            panic!("it does not fall");
        };
        text_of(&error)
    }
}

/// A variant around a text: `failed: why`.
fn text_of(value: &Val) -> String {
    match value {
        Val::Variant(name, Some(inner)) => format!("{name}: {}", text_of(inner)),
        Val::Variant(name, None) => name.clone(),
        Val::String(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// What becomes of a thing that the guest drops.
fn gone(mut store: StoreContextMut<'_, Host>, _: u32) -> wasmtime::Result<()> {
    store.data_mut().owned -= 1;
    Ok(())
}

/// The interface `things`, of which the number is all that there is.
fn link_things(linker: &mut Linker<Host>) {
    type Context<'a> = StoreContextMut<'a, Host>;
    fn given(mut store: Context<'_>, number: u32) -> Resource<Thing> {
        store.data_mut().owned += 1;
        Resource::new_own(number)
    }
    let mut things = linker.instance(THINGS).unwrap();
    let ty = ResourceType::host::<Thing>();
    things.resource("thing", ty, gone).unwrap();
    let new = |store: Context<'_>, (number,): (u32,)| Ok((given(store, number),));
    things.func_wrap("[constructor]thing", new).unwrap();
    let number = |_: Context<'_>, (thing,): (Resource<Thing>,)| Ok((thing.rep(),));
    things.func_wrap("[method]thing.number", number).unwrap();
    let join = |store: Context<'_>, (one, other): (Resource<Thing>, Resource<Thing>)| {
        let sum = one.rep().wrapping_add(other.rep());
        Ok((given(store, sum),))
    };
    things.func_wrap("[method]thing.join", join).unwrap();
    let twin = |store: Context<'_>, (of,): (Resource<Thing>,)| Ok((given(store, of.rep()),));
    things.func_wrap("[static]thing.twin", twin).unwrap();
    let find = |store: Context<'_>, (number,): (u32,)| {
        Ok((match number {
            0 => Err("there is no 0".to_owned()),
            number => Ok(given(store, number)),
        },))
    };
    things.func_wrap("find", find).unwrap();
}

/// Whether the whole suite is wanted; an ordinary run has no compiler of Go.
fn is_wanted() -> bool {
    std::env::var("BAEPO_GUESTS").is_ok_and(|wanted| wanted == "all")
}

#[test]
fn a_guest_in_go_is_given_and_gives_every_type() {
    if !is_wanted() {
        return;
    }
    let mut guest = Running::new();
    let shapes = guest.shapes.clone();
    assert_eq!(shapes.len(), 79);
    for (name, ty) in shapes {
        let function = guest.function(SHAPES, &name);
        for call in 0..CALLS {
            let mut store = guest.store.as_context_mut();
            let types = ty.params().map(|(_, ty)| ty);
            let (values, given) = several(types, &mut store);
            let mut results = vec![Val::Bool(false); ty.results().len()];
            function
                .call(&mut store, &values, &mut results)
                .unwrap_or_else(|error| panic!("{name}, call {call}: {error:?}: {given:?}"));
            let came: Vec<Val> = results
                .iter()
                .map(|value| plain(value, &mut store))
                .collect();
            for lent in std::mem::take(&mut store.data_mut().lent) {
                lent.resource_drop(&mut store).unwrap();
            }
            let host = store.data_mut();
            let asked = host.asked.take();
            assert_eq!(asked, Some((name.clone(), given)), "{name}, call {call}");
            assert_eq!(came, host.answered, "{name}, call {call}");
        }
    }
    what_it_does_by_itself(&mut guest);
}

fn what_it_does_by_itself(guest: &mut Running) {
    // What the guest owns it gives back, also where it fails.
    guest.store.data_mut().owned = 0;
    let numbers = |numbers: &[u32]| Val::List(numbers.iter().map(|n| Val::U32(*n)).collect());
    let sum = guest.act("sum", &[numbers(&[1, 20, 300])]);
    assert_eq!(sum, Val::Result(Ok(Some(Box::new(Val::U32(321))))));
    let Val::Result(Err(Some(error))) = guest.act("sum", &[numbers(&[5, 0])]) else {
        panic!("there is no 0");
    };
    assert_eq!(text_of(&error), "failed: number 0: there is no 0");
    assert_eq!(guest.store.data().owned, 0);

    // The host takes only UTF-8.
    let letters = ['a', '\u{fffd}', '\u{fffd}', '\u{fffd}', 'ß'];
    let letters = letters.into_iter().map(Val::Char).collect();
    assert_eq!(
        guest.act("broken", &[]),
        Val::Tuple(vec![
            Val::String("a\u{fffd}b\u{fffd}".into()),
            Val::List(letters)
        ])
    );

    let Val::List(texts) = guest.act("broken-many", &[Val::U32(5000)]) else {
        panic!("it is a list");
    };
    assert_eq!(texts.len(), 5000);
    for (number, text) in texts.into_iter().enumerate() {
        assert_eq!(text, Val::String(format!("\u{fffd}{number:01000}")));
    }

    // The collector runs between what comes and what it is used for.
    for size in [1, 1000, 200_000] {
        guest.act("churn", &[Val::U32(5), Val::U32(size)]);
    }

    let place = |how| format!("at main.go:{how}");
    let said: Vec<String> = [0, 1, 2, 3, 8].map(|how| guest.falls(how)).into();
    let wanted = [
        "failed: panic: assignment to entry in nil map, ",
        "failed: panic: a Thing is nil, was dropped or was given away, ",
        "failed: panic: in words, ",
        "failed: panic: a misfit, ",
        "failed: panic: runtime error: index out of range [8] with length 0, ",
    ];
    for (said, wanted) in said.iter().zip(wanted) {
        let line = GUEST.lines().count();
        let (text, number) = said.rsplit_once(':').unwrap();
        assert_eq!(
            format!("{text}:"),
            format!("{wanted}{}", place("")),
            "{said}"
        );
        assert!(number.parse::<usize>().unwrap() < line, "{said}");
    }
    assert_eq!(guest.falls(4), "failed: an error of any kind");
    assert_eq!(guest.falls(5), "denied: run: make");
    assert_eq!(guest.falls(6), "failed: around: inside");
    let around = |guest: &mut Running, how| match guest.act("fall-around", &[Val::U32(how)]) {
        Val::Result(Err(Some(error))) => text_of(&error),
        other => panic!("{other:?}"),
    };
    assert_eq!(around(guest, 5), "hook: denied: run: make");
    assert_eq!(around(guest, 7), "fenced");
    let said = around(guest, 0);
    assert!(
        said.starts_with("hook: failed: panic: assignment"),
        "{said}"
    );
}
