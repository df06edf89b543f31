//! An adapter for modules of ordinary toolchains that want WASI 0.1: it gives
//! them an outside in which nothing is.
//!
//! There are no arguments, no variables and no files, and input is at its end.
//! What is written to standard output or standard error goes on to those of
//! WASI 0.2, which are lines of the log; of nothing else is there anything.
//! The clock begins at 0 and goes on by a microsecond at each look and by as
//! much as is slept, because runtimes with schedulers wait for it; random
//! numbers are always the same. So a module stays what a plugin has to be:
//! with the same input it gives the same answer. That it ends itself is told to
//! the host, for which it is no answer.

use std::fmt::Write as _;

use wit_component::StringEncoding;
use wit_parser::Resolve;

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

  ;; Streams are asked for once. 0 is none, for handles begin at 1.
  (global $out (mut i32) (i32.const 0))
  (global $err (mut i32) (i32.const 0))
  (func $stream (param $file i32) (result i32)
    (if (i32.eq (local.get $file) (i32.const 1))
      (then
        (if (i32.eqz (global.get $out)) (then (global.set $out (call $stdout))))
        (return (global.get $out))))
    (if (i32.eqz (global.get $err)) (then (global.set $err (call $stderr))))
    (global.get $err))

  ;; At most 4096 bytes go at once. The answer needs 12 bytes of a memory that is
  ;; the module's own: some are borrowed and put back as they were.
  (func $print (param $stream i32) (param $from i32) (param $left i32)
    (local $now i32) (local $one i64) (local $two i32)
    (local.set $one (i64.load (i32.const 16)))
    (local.set $two (i32.load (i32.const 24)))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (local.set $now
          (select (i32.const 4096) (local.get $left)
            (i32.gt_u (local.get $left) (i32.const 4096))))
        (call $write (local.get $stream) (local.get $from) (local.get $now) (i32.const 16))
        (i64.store (i32.const 16) (local.get $one))
        (i32.store (i32.const 24) (local.get $two))
        (local.set $from (i32.add (local.get $from) (local.get $now)))
        (local.set $left (i32.sub (local.get $left) (local.get $now)))
        (br $next))))

  (func (export "fd_write") (param $file i32) (param $list i32) (param $left i32) (param $to i32) (result i32)
    (local $bytes i32)
    (if (i32.gt_u (i32.sub (local.get $file) (i32.const 1)) (i32.const 1))
      (then (return (i32.const 8))))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (call $print
          (call $stream (local.get $file))
          (i32.load (local.get $list))
          (i32.load offset=4 (local.get $list)))
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

  ;; The host is told, and does not come back.
  (func (export "proc_exit") (param $code i32)
    (call $exit (i32.ne (local.get $code) (i32.const 0)))
    (unreachable))
  (func (export "proc_raise") (param i32) (result i32) (unreachable))
"#;

/// What of WASI 0.2 the output goes to.
/// Source: the packages wasi:io and wasi:cli, of which this is a part.
const WIT: &str = r#"
package baepo:null-wasi;

world adapter {
    import wasi:io/error@0.2.0;
    import wasi:io/streams@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:cli/stderr@0.2.0;
    import wasi:cli/exit@0.2.0;
}

package wasi:io@0.2.0 {
    interface error {
        resource error;
    }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}

package wasi:cli@0.2.0 {
    interface stdout {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stdout: func() -> output-stream;
    }
    interface exit {
        exit: func(status: result);
    }
    interface stderr {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stderr: func() -> output-stream;
    }
}
"#;

const IMPORTS: &str = r#"
  (import "env" "memory" (memory 0))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
  (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
"#;

/// The adapter, with the interface that it needs itself.
///
/// # Errors
/// Only when this file is wrong, which a test would say.
pub(super) fn module() -> anyhow::Result<Vec<u8>> {
    let mut module = wat::parse_str(text())?;
    let mut resolve = Resolve::default();
    let package = resolve.push_source("null-wasi.wit", WIT)?;
    let world = resolve.select_world(&[package], Some("adapter"))?;
    let encoding = StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding, false)?;
    Ok(module)
}

/// The same in the text format, without the interface.
fn text() -> String {
    let mut text = String::from("(module\n");
    text.push_str(IMPORTS);
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
    fn it_is_a_module_with_every_function_of_wasi_that_needs_only_output() {
        let bytes = module().unwrap();
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
        let output = "[method]output-stream.blocking-write-and-flush";
        assert_eq!(
            imports,
            ["memory", "get-stdout", "get-stderr", "exit", output]
        );
    }
}
