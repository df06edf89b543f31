;; strategy-plugin
;; Answers with 6 MiB of memory to keep.
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (drop (memory.grow (i32.const 100)))
  (i32.store (i32.const 108) (i32.const 6291456))                ;; memory.len
  (i32.const 96))
