;; strategy-plugin
;; Takes memory in four memories in turn, none of which alone is large.
(memory $a 1)
(memory $b 1)
(memory $c 1)
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (loop $again
    (drop (memory.grow $a (i32.const 16)))
    (drop (memory.grow $b (i32.const 16)))
    (drop (memory.grow $c (i32.const 16)))
    (br $again))
  (i32.const 0))
