;; build-plugin
;; Sends the secret TOKEN to the address that is its configuration, as the
;; header x-token, and fails with the body of the answer.
(import "baepo:hooks/secrets@0.1.0" "open" (func $open (param i32 i32 i32)))
(import "baepo:hooks/http@0.1.0" "send" (func $send
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32)))
(data (i32.const 500) "GETTOKENx-tokenBearer missingerror")
(func $fail (param $text i32) (param $len i32) (result i32)
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (local.get $text))
  (i32.store (i32.const 116) (local.get $len))
  (i32.const 96))
(func (export "baepo:hooks/build@0.1.0#build")
  (param $config i32) (param $len i32)
  (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (call $open (i32.const 503) (i32.const 5) (i32.const 300))
  (if (i32.load8_u (i32.const 300)) (then
    (if (i32.load8_u (i32.const 304)) (then
      (return (call $fail (i32.const 522) (i32.const 7)))))      ;; missing
    (drop (call $fail (i32.load (i32.const 308)) (i32.load (i32.const 312))))
    (i32.store8 (i32.const 104) (i32.const 1))                   ;; denied
    (return (i32.const 96))))
  (i32.store (i32.const 600) (i32.const 508)) (i32.store (i32.const 604) (i32.const 7))
  (i32.store8 (i32.const 608) (i32.const 1))                     ;; secret
  (i32.store (i32.const 612) (i32.const 515)) (i32.store (i32.const 616) (i32.const 7))
  (i32.store (i32.const 620) (i32.load (i32.const 304)))
  (call $send
    (i32.const 500) (i32.const 3)            ;; method
    (local.get $config) (local.get $len)     ;; url
    (i32.const 600) (i32.const 1)            ;; headers
    (i32.const 0) (i32.const 0)              ;; body
    (i32.const 0) (i64.const 0)              ;; no timeout of its own
    (i32.const 0) (i64.const 0)              ;; no limit of its own
    (i32.const 400))
  (if (i32.load8_u (i32.const 400)) (then
    (drop (call $fail (i32.load (i32.const 416)) (i32.load (i32.const 420))))
    (if (i32.eqz (i32.load8_u (i32.const 408))) (then
      (i32.store8 (i32.const 104) (i32.const 1))))               ;; denied
    (return (i32.const 96))))
  (call $fail (i32.load (i32.const 420)) (i32.load (i32.const 424))))
