;; strategy-plugin
;; Hands over a text of 10 MiB that is all there.
(import "baepo:hooks/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (drop (memory.grow (i32.const 170)))
  (call $log (i32.const 1) (i32.const 0) (i32.const 10485760) (i32.const 0) (i32.const 0))
  (i32.const 96))
