//! An adapter for modules of ordinary toolchains that want WASI 0.1: it gives
//! them an outside in which nothing is.
//!
//! There are no arguments, no variables and no files. What is written to
//! standard output or standard error is taken and dropped, input is at its end.
//! The clock begins at 0 and goes on by a microsecond at each look and by as
//! much as is slept, because runtimes with schedulers wait for it; random
//! numbers are always the same. So a module stays what a plugin has to be:
//! with the same input it gives the same answer. To end itself is a trap.

use std::fmt::Write as _;

/// The name under which modules import WASI 0.1.
pub(super) const MODULE: &str = "wasi_snapshot_preview1";

/// What all functions answer that would need something outside: EBADF.
const BAD_FILE: u32 = 8;

/// Functions that only refuse, with the types of their parameters: `i` is 32
/// bits and `l` 64 bits.
/// Source: the witx files of wasi_snapshot_preview1.
const REFUSED: [(&str, &str); 32] = [
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiili"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_shutdown", "ii"),
];

/// Functions that do something, if only to answer that there is nothing.
const ANSWERED: &str = r#"
  (global $clock (mut i64) (i64.const 0))

  ;; Two counts of nothing: how many, and how many bytes.
  (func $nothing (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $nothing))
  (export "environ_sizes_get" (func $nothing))
  (func $none (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $none))
  (export "environ_get" (func $none))
  (func (export "sched_yield") (result i32) (i32.const 0))

  (func (export "clock_res_get") (param i32) (param $to i32) (result i32)
    (i64.store (local.get $to) (i64.const 1000))
    (i32.const 0))
  (func (export "clock_time_get") (param i32 i64) (param $to i32) (result i32)
    (global.set $clock (i64.add (global.get $clock) (i64.const 1000)))
    (i64.store (local.get $to) (global.get $clock))
    (i32.const 0))
  (func (export "random_get") (param $to i32) (param $bytes i32) (result i32)
    (memory.fill (local.get $to) (i32.const 0x5a) (local.get $bytes))
    (i32.const 0))

  ;; All of it is written, and gone.
  (func (export "fd_write") (param i32) (param $list i32) (param $left i32) (param $to i32) (result i32)
    (local $bytes i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (local.set $bytes (i32.add (local.get $bytes) (i32.load offset=4 (local.get $list))))
        (local.set $list (i32.add (local.get $list) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $to) (local.get $bytes))
    (i32.const 0))
  (func (export "fd_read") (param i32 i32 i32) (param $to i32) (result i32)
    (i32.store (local.get $to) (i32.const 0))
    (i32.const 0))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))

  ;; The first of what is waited for has come. Was it a time, then it is that
  ;; time: of a subscription (48 bytes) the tag is at 8, the time at 24, and
  ;; whether that is a time on the clock at 40.
  (func (export "poll_oneoff") (param $what i32) (param $events i32) (param i32) (param $to i32) (result i32)
    (local $until i64)
    (if (i32.eqz (i32.load8_u offset=8 (local.get $what)))
      (then
        (local.set $until (i64.load offset=24 (local.get $what)))
        (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $what)) (i32.const 1)))
          (then (local.set $until (i64.add (local.get $until) (global.get $clock)))))
        (if (i64.gt_u (local.get $until) (global.get $clock))
          (then (global.set $clock (local.get $until))))))
    ;; An event has 32 bytes: whose it is, no error, the tag.
    (memory.fill (local.get $events) (i32.const 0) (i32.const 32))
    (i64.store (local.get $events) (i64.load (local.get $what)))
    (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $what)))
    (i32.store (local.get $to) (i32.const 1))
    (i32.const 0))

  (func (export "proc_exit") (param i32) (unreachable))
  (func (export "proc_raise") (param i32) (result i32) (unreachable))
"#;

/// The adapter in the text format.
pub(super) fn text() -> String {
    let mut text = String::from("(module\n  (import \"env\" \"memory\" (memory 0))\n");
    text.push_str(ANSWERED);
    for (name, parameters) in REFUSED {
        let types: String = parameters
            .chars()
            .map(|kind| if kind == 'l' { " i64" } else { " i32" })
            .collect();
        let _ = writeln!(
            text,
            "  (func (export \"{name}\") (param{types}) (result i32) (i32.const {BAD_FILE}))"
        );
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_module_with_every_function_of_wasi_and_one_import() {
        let bytes = wat::parse_str(text()).unwrap();
        let mut exports = Vec::new();
        let mut imports = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            match payload.unwrap() {
                wasmparser::Payload::ExportSection(section) => {
                    exports.extend(section.into_iter().map(|export| export.unwrap().name));
                }
                wasmparser::Payload::ImportSection(section) => {
                    let all = section.into_imports();
                    imports.extend(all.map(|import| import.unwrap().name));
                }
                _ => {}
            }
        }
        assert_eq!(exports.len(), 46, "{exports:?}");
        assert_eq!(imports, ["memory"]);
    }
}
