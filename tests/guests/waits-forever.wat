;; waiting-plugin
;; Waits in the host for 500 years and computes nothing.
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(func (export "baepo:hooks/build@0.1.0#build")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
  (call $block (call $after (i64.const 9000000000000000000)))
  (i32.const 96))
