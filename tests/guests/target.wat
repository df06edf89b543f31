;; target-plugin
;; Honest: a target with one release and two instances. It has seen the token 7
;; and knows version 3 of its state.
(data (i32.const 500) "frozen target")
(func $done (result i32)
  (i32.const 96))
(func $changing (param $token i64) (result i32)
  (if (i64.lt_u (local.get $token) (i64.const 7)) (then
    (i32.store8 (i32.const 96) (i32.const 1))))                  ;; err: fenced
  (i32.const 96))
(func (export "baepo:hooks/target@0.1.0#describe") (param i32 i32) (result i32)
  (i32.store (i32.const 104) (i32.const 500))                    ;; name
  (i32.store (i32.const 108) (i32.const 13))
  (i32.store (i32.const 112) (i32.const 100))                    ;; granularity
  (i32.store8 (i32.const 117) (i32.const 1))                     ;; has-telemetry
  (i32.const 96))
(func (export "baepo:hooks/target@0.1.0#missing") (param i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 104) (local.get 2))                      ;; all of them
  (i32.store (i32.const 108) (local.get 3))
  (i32.const 96))
(func (export "baepo:hooks/target@0.1.0#upload")
  (param i32 i32 i64 i32 i32 i32 i32) (result i32)
  (call $changing (local.get 2)))
(func (export "baepo:hooks/target@0.1.0#stage")
  (param i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32)
  (call $changing (local.get 2)))
(func (export "baepo:hooks/target@0.1.0#observe") (param $digest i32) (param $len i32) (result i32)
  (i32.store (i32.const 104) (i32.const 600))                    ;; instances
  (i32.store (i32.const 108) (i32.const 1))
  (i32.store (i32.const 600) (local.get $digest))                ;; its config is the digest
  (i32.store (i32.const 604) (local.get $len))
  (i32.store (i32.const 608) (i32.const 2))                      ;; asked
  (i32.store (i32.const 612) (i32.const 2))                      ;; ready
  (i32.store (i32.const 112) (i32.const 700))                    ;; route
  (i32.store (i32.const 116) (i32.const 1))
  (i32.store (i32.const 700) (local.get $digest))
  (i32.store (i32.const 704) (local.get $len))
  (i32.store (i32.const 708) (i32.const 10000))
  (i32.const 96))
(func (export "baepo:hooks/target@0.1.0#scale") (param i32 i32 i64 i32 i32 i32) (result i32)
  (call $changing (local.get 2)))
(func (export "baepo:hooks/target@0.1.0#route") (param i32 i32 i64 i32 i32) (result i32)
  (call $changing (local.get 2)))
(func (export "baepo:hooks/target@0.1.0#telemetry") (param i32 i32 i32 i32) (result i32)
  (call $done))
(func (export "baepo:hooks/target@0.1.0#logs") (param i32 i32 i32 i32 i32) (result i32)
  (call $done))
(func (export "baepo:hooks/target@0.1.0#discard") (param i32 i32 i64 i32 i32) (result i32)
  (call $changing (local.get 2)))
(func (export "baepo:hooks/target@0.1.0#load-state") (param i32 i32) (result i32)
  (i64.store (i32.const 104) (i64.const 3))
  (i32.store (i32.const 112) (i32.const 500))
  (i32.store (i32.const 116) (i32.const 6))
  (i32.const 96))
(func (export "baepo:hooks/target@0.1.0#save-state") (param i32 i32 i64 i32 i32) (result i32)
  (i64.store (i32.const 104) (i64.const 4))
  (if (i64.ne (local.get 2) (i64.const 3)) (then
    (i64.store (i32.const 104) (i64.const 1))                    ;; conflict
    (i32.store8 (i32.const 96) (i32.const 1))))
  (i32.const 96))
