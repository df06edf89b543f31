;; exiting-plugin
;; Ends itself instead of answering.
(import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (call $exit (i32.const 1))
  (unreachable))
