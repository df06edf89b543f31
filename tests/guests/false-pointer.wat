;; strategy-plugin
;; Answers with a text that lies outside its memory.
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (i32.store (i32.const 104) (i32.const 2000000000))             ;; memory.ptr
  (i32.store (i32.const 108) (i32.const 1000))                   ;; memory.len
  (i32.const 96))
