;; strategy-plugin
;; Panics.
(func $inner_function (unreachable))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (call $inner_function)
  (i32.const 0))
