;; exiting-plugin
;; Ends itself as if all were well.
(import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (call $exit (i32.const 0))
  (unreachable))
