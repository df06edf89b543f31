;; The same plugin for Extism: takes the view as JSON, logs a line, answers a
;; decision as JSON. Source: the imports of `extism:host/env`.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store8 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "LINE")
  (data (i32.const 1024) "ANSWER")
  ;; Copies into the memory of the host, eight bytes at a time.
  (func $hand (param $from i32) (param $len i32) (result i64)
    (local $to i64) (local $at i32)
    (local.set $to (call $alloc (i64.extend_i32_u (local.get $len))))
    (block $done
      (loop $words
        (br_if $done (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $len)))
        (call $store8
          (i64.add (local.get $to) (i64.extend_i32_u (local.get $at)))
          (i64.load (i32.add (local.get $from) (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $words)))
    (block $end
      (loop $bytes
        (br_if $end (i32.ge_u (local.get $at) (local.get $len)))
        (call $store
          (i64.add (local.get $to) (i64.extend_i32_u (local.get $at)))
          (i32.load8_u (i32.add (local.get $from) (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (local.get $to))
  (func (export "decide") (result i32)
    (call $log (call $hand (i32.const 0) (i32.const LINE_BYTES)))
    (call $output (call $hand (i32.const 1024) (i32.const ANSWER_BYTES)) (i64.const ANSWER_BYTES))
    (i32.const 0)))
