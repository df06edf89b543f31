;; strategy-plugin
;; Never gets ready: it loops while it is being started.
(func $start (loop $again (br $again)))
(start $start)
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (i32.const 96))
