;; feedback-plugin
;; Honest: one section with the name of the environment and a fixed text.
(data (i32.const 500) "Nobody said anything.")
(func (export "baepo:hooks/feedback@0.1.0#respond") (param $request i32) (result i32)
  (i32.store (i32.const 104) (i32.const 600))                    ;; sections
  (i32.store (i32.const 108) (i32.const 1))
  (i32.store (i32.const 600) (i32.load (i32.add (local.get $request) (i32.const 40))))
  (i32.store (i32.const 604) (i32.load (i32.add (local.get $request) (i32.const 44))))
  (i32.store (i32.const 608) (i32.const 500))
  (i32.store (i32.const 612) (i32.const 21))
  (i32.const 96))
