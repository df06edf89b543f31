//! Names every guest of `guests/` as a constant. A test module that denies dead
//! code includes them, so that a guest without a test does not compile.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    println!("cargo::rerun-if-changed={}", guests.display());
    let mut names: Vec<String> = std::fs::read_dir(&guests)
        .expect("tests/guests is there")
        .filter_map(|entry| {
            let file = entry.ok()?.file_name().into_string().ok()?;
            Some(file.strip_suffix(".wat")?.to_owned())
        })
        .collect();
    names.sort();
    let mut text = String::new();
    for name in names {
        let constant = name.to_uppercase().replace('-', "_");
        writeln!(text, "pub(crate) const {constant}: &str = {name:?};").expect("memory");
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo says where");
    std::fs::write(Path::new(&out).join("guests.rs"), text).expect("a folder to write to");
}
