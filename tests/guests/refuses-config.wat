;; strategy-plugin
;; Says that its configuration is wrong.
(data (i32.const 200) "steps.1must grow")
(data (i32.const 300) "\c8\00\00\00\07\00\00\00\cf\00\00\00\09\00\00\00")
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store (i32.const 112) (i32.const 300))                    ;; problems.ptr
  (i32.store (i32.const 116) (i32.const 1))                      ;; problems.len
  (i32.const 96))
