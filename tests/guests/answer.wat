;; strategy-plugin
;; Honest: asks for 3 stable instances, and counts its calls in a global and in
;; memory. Both are fresh in each call, so both count to 1.
(global $calls (mut i32) (i32.const 0))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
  (i32.store (i32.const 60000) (i32.add (i32.load (i32.const 60000)) (i32.const 1)))
  (i32.store (i32.const 120) (i32.const 3))                      ;; scale.stable
  (i32.store (i32.const 136) (global.get $calls))                ;; progress.step
  (i32.store (i32.const 140) (i32.load (i32.const 60000)))       ;; progress.of
  (i32.const 96))
