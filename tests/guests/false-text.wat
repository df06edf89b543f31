;; strategy-plugin
;; Answers with a reason that is not UTF-8.
(data (i32.const 200) "caf\e9 open")
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (i32.store (i32.const 144) (i32.const 200))                    ;; reason.ptr
  (i32.store (i32.const 148) (i32.const 9))                      ;; reason.len
  (i32.const 96))
