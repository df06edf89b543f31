;; build-plugin
;; Sends `ping` to the endpoint that is its configuration, and fails with what
;; comes back.
(import "baepo:hooks/socket@0.1.0" "exchange" (func $exchange
  (param i32 i32 i32 i32 i64 i64 i32)))
(data (i32.const 500) "pingtimeouttoo large")
(func (export "baepo:hooks/build@0.1.0#build")
  (param $config i32) (param $len i32)
  (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (local $kind i32)
  (call $exchange
    (local.get $config) (local.get $len)
    (i32.const 500) (i32.const 4)            ;; what is sent
    (i64.const 500) (i64.const 100)          ;; milliseconds, bytes
    (i32.const 400))
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (i32.load (i32.const 408)))
  (i32.store (i32.const 116) (i32.load (i32.const 412)))
  (if (i32.load8_u (i32.const 400)) (then
    (local.set $kind (i32.load8_u (i32.const 408)))
    (i32.store (i32.const 112) (i32.load (i32.const 416)))
    (i32.store (i32.const 116) (i32.load (i32.const 420)))
    (if (i32.eqz (local.get $kind)) (then
      (i32.store8 (i32.const 104) (i32.const 1))))               ;; denied
    (if (i32.eq (local.get $kind) (i32.const 2)) (then
      (i32.store (i32.const 112) (i32.const 504))
      (i32.store (i32.const 116) (i32.const 7))))
    (if (i32.eq (local.get $kind) (i32.const 3)) (then
      (i32.store (i32.const 112) (i32.const 511))
      (i32.store (i32.const 116) (i32.const 9))))))
  (i32.const 96))
