;; build-plugin
;; Asks with 40,000 headers, and fails with what is said about that.
(import "baepo:hooks/http@0.1.0" "send" (func $send
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32)))
(data (i32.const 500) "GETanswered")
(func (export "baepo:hooks/build@0.1.0#build")
  (param $config i32) (param $len i32)
  (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (drop (memory.grow (i32.const 16)))        ;; zeros: empty names and values
  (call $send
    (i32.const 500) (i32.const 3)            ;; method
    (local.get $config) (local.get $len)     ;; url
    (i32.const 65536) (i32.const 40000)      ;; headers
    (i32.const 0) (i32.const 0)              ;; body
    (i32.const 0) (i64.const 0) (i32.const 0) (i64.const 0)
    (i32.const 400))
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (i32.const 503))
  (i32.store (i32.const 116) (i32.const 8))
  (if (i32.load8_u (i32.const 400)) (then
    (i32.store (i32.const 112) (i32.load (i32.const 416)))
    (i32.store (i32.const 116) (i32.load (i32.const 420)))))
  (i32.const 96))
