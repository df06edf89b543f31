;; wasi-http-plugin
;; Asks for `/` by way of WASI, of the authority that is its configuration, and
;; fails with the status or with the number of the error.
(import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.3" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.3" "[method]outgoing-request.set-scheme" (func $scheme
  (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.3" "[method]outgoing-request.set-authority" (func $authority
  (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.3" "[method]outgoing-request.set-path-with-query" (func $path
  (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/outgoing-handler@0.2.3" "handle" (func $handle (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.3" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(import "wasi:http/types@0.2.3" "[method]future-incoming-response.get" (func $get (param i32 i32)))
(import "wasi:http/types@0.2.3" "[method]incoming-response.status" (func $status (param i32) (result i32)))
(data (i32.const 500) "/")
(func (export "baepo:hooks/build@0.1.0#build")
  (param $config i32) (param $len i32)
  (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (local $request i32) (local $future i32) (local $number i32)
  (local.set $request (call $request (call $fields)))
  (drop (call $scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
  (drop (call $authority (local.get $request) (i32.const 1) (local.get $config) (local.get $len)))
  (drop (call $path (local.get $request) (i32.const 1) (i32.const 500) (i32.const 1)))
  (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 400))
  (if (i32.load8_u (i32.const 400))
    (then (local.set $number (i32.load8_u (i32.const 408))))
    (else
      (local.set $future (i32.load (i32.const 408)))
      (call $block (call $subscribe (local.get $future)))
      (call $get (local.get $future) (i32.const 440))
      (if (i32.load8_u (i32.const 456))
        (then (local.set $number (i32.load8_u (i32.const 464))))
        (else (local.set $number (call $status (i32.load (i32.const 464))))))))
  (i32.store8 (i32.const 600) (i32.add (i32.const 48) (i32.div_u (local.get $number) (i32.const 100))))
  (i32.store8 (i32.const 601) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $number) (i32.const 10)) (i32.const 10))))
  (i32.store8 (i32.const 602) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
  (i32.store8 (i32.const 96) (i32.const 1))                      ;; err
  (i32.store8 (i32.const 104) (i32.const 3))                     ;; failed
  (i32.store (i32.const 112) (i32.const 600))
  (i32.store (i32.const 116) (i32.const 3))
  (i32.const 96))
