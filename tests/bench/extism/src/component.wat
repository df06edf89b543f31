;; A strategy that takes the view, logs a line and answers a decision: three
;; stable instances, step 1 of 1.
(module
  (import "baepo:hooks/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "LINE")
  (data (i32.const 1024) "REASON")
  (global $top (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
    (call $log (i32.const 1) (i32.const 0) (i32.const LINE_BYTES) (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4120) (i32.const 3))                   ;; scale.stable
    (i32.store (i32.const 4136) (i32.const 1))                   ;; progress.step
    (i32.store (i32.const 4140) (i32.const 1))                   ;; progress.of
    (i32.store (i32.const 4144) (i32.const 1024))                ;; reason
    (i32.store (i32.const 4148) (i32.const REASON_BYTES))
    (i32.const 4096)))
