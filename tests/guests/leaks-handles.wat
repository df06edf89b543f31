;; leaking-plugin
;; Asks the host for things until there are no more, and gives none back.
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $get (result i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (loop $again
    (drop (call $get))
    (br $again))
  (i32.const 0))
