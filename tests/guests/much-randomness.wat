;; random-plugin
;; Wants a megabyte of randomness.
(import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (call $random (i64.const 1000000) (i32.const 400))
  (i32.const 96))
