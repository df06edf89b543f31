;; strategy-plugin
;; Takes memory until there is none.
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (loop $again
    (drop (memory.grow (i32.const 16)))
    (br $again))
  (i32.const 0))
