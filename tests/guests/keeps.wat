;; keeping-plugin
;; Replaces the document of the store by its configuration, and fails with what
;; was there before. With `stale` it saves from a version that nobody has seen.
(import "baepo:hooks/store@0.1.0" "load" (func $load (param i32)))
(import "baepo:hooks/store@0.1.0" "save" (func $save (param i64 i32 i32 i32)))
(data (i32.const 500) "conflict")
(func (export "baepo:hooks/build@0.1.0#build")
  (param $config i32) (param $len i32)
  (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (local $version i64)
  (call $load (i32.const 400))
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (i32.load (i32.const 416)))
  (i32.store (i32.const 116) (i32.load (i32.const 420)))
  (if (i32.load8_u (i32.const 400)) (then
    (i32.store8 (i32.const 104) (i32.const 1))                   ;; denied
    (return (i32.const 96))))
  (local.set $version (i64.load (i32.const 408)))
  (if (i32.eq (i32.load8_u (local.get $config)) (i32.const 115)) (then
    (local.set $version (i64.add (local.get $version) (i64.const 7)))))
  (call $save (local.get $version) (local.get $config) (local.get $len) (i32.const 440))
  (if (i32.load8_u (i32.const 440)) (then
    (i32.store (i32.const 112) (i32.const 500))
    (i32.store (i32.const 116) (i32.const 8))))
  (i32.const 96))
