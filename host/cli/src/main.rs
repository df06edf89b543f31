//! The `baepo` binary.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    baepo::main()
}
