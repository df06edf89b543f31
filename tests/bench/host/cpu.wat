;; A strategy that computes: a checksum (FNV-1a with a table look-up) over 4 MiB,
;; some times over, byte by byte.
(module
  (memory (export "memory") 80)
  (global $top (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $sum (param $from i32) (param $end i32) (result i32)
    (local $hash i32) (local $byte i32)
    (local.set $hash (i32.const 0x811c9dc5))
    (loop $next
      (local.set $byte (i32.load8_u (local.get $from)))
      (local.set $hash (i32.mul (i32.xor (local.get $hash) (local.get $byte)) (i32.const 16777619)))
      (i32.store8
        (i32.add (i32.const 65536) (i32.and (local.get $hash) (i32.const 4095)))
        (i32.add (local.get $byte) (i32.load8_u (i32.and (local.get $hash) (i32.const 4095)))))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $end))))
    (local.get $hash))
  (func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
    (local $times i32)
    (local.set $times (i32.const 8))
    (loop $again
      (drop (call $sum (i32.const 131072) (i32.const 4325376)))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times)))
    (i32.const 4096)))
