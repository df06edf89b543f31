;; strategy-plugin
;; Writes 20,000 lines of 1,000 bytes, then answers.
(import "baepo:hooks/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (local $i i32)
  (memory.fill (i32.const 50000) (i32.const 58) (i32.const 1000))
  (loop $again
    (call $log (i32.const 1) (i32.const 50000) (i32.const 1000) (i32.const 0) (i32.const 0))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $i) (i32.const 20000))))
  (i32.const 96))
