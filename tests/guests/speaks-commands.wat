;; build-plugin
;; Says workflow commands and Markdown wherever its words are shown: in its log
;; and as the reason of its failure.
(import "baepo:hooks/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(data (i32.const 500) "::set-output name=sha::evil\0a::add-mask::a\0d\0a##[add-path]/evil\0a::endgroup::\0a@team <!-- --> [x](javascript:alert) | `")
(func (export "baepo:hooks/build@0.1.0#build")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
  (call $log (i32.const 3) (i32.const 500) (i32.const 114) (i32.const 0) (i32.const 0))
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (i32.const 500))
  (i32.store (i32.const 116) (i32.const 114))
  (i32.const 96))
