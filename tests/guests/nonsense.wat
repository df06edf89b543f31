;; strategy-plugin
;; Asks for 20,000 of 10,000 basis points.
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (i32.store8 (i32.const 112) (i32.const 1))                     ;; directive: route
  (i32.store (i32.const 120) (i32.const 20000))
  (i32.const 96))
