;; build-plugin
;; Runs `sh -c` with its configuration and the secret TOKEN as the variable
;; GIVEN, and fails with what that printed.
(import "baepo:hooks/secrets@0.1.0" "open" (func $open (param i32 i32 i32)))
(import "baepo:hooks/process@0.1.0" "run" (func $run
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32)))
(data (i32.const 500) "sh-cTOKENGIVEN")
(func (export "baepo:hooks/build@0.1.0#build")
  (param $config i32) (param $len i32)
  (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (call $open (i32.const 504) (i32.const 5) (i32.const 300))
  (if (i32.load8_u (i32.const 300)) (then (unreachable)))
  (i32.store (i32.const 600) (i32.const 500)) (i32.store (i32.const 604) (i32.const 2))
  (i32.store (i32.const 608) (i32.const 502)) (i32.store (i32.const 612) (i32.const 2))
  (i32.store (i32.const 616) (local.get $config)) (i32.store (i32.const 620) (local.get $len))
  (i32.store (i32.const 640) (i32.const 509)) (i32.store (i32.const 644) (i32.const 5))
  (i32.store8 (i32.const 648) (i32.const 1))                     ;; secret
  (i32.store (i32.const 652) (i32.load (i32.const 304)))
  (call $run
    (i32.const 600) (i32.const 3)            ;; argv
    (i32.const 640) (i32.const 1)            ;; env
    (i32.const 0) (i32.const 0)              ;; working directory
    (i32.const 0) (i32.const 0)              ;; stdin
    (i32.const 0) (i64.const 0)              ;; no timeout of its own
    (i32.const 20000)                        ;; capture limit
    (i32.const 400))
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (i32.load (i32.const 412)))
  (i32.store (i32.const 116) (i32.load (i32.const 416)))
  (i32.const 96))
