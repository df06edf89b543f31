//! The templates of `baepo plugin new` and the SDK are part of the binary.
//! Cargo sees when one of their files changes, but not when one is added.

fn main() {
    println!("cargo::rerun-if-changed=../../plugins/templates");
    println!("cargo::rerun-if-changed=../../plugins/sdk/src");
}
