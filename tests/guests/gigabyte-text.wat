;; strategy-plugin
;; Hands over a text of 1 GB, most of which is not in its memory.
(import "baepo:hooks/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (call $log (i32.const 1) (i32.const 0) (i32.const 1000000000) (i32.const 0) (i32.const 0))
  (i32.const 96))
