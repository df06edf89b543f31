;; strategy-plugin
;; Crashes while it is being started.
(func $start unreachable)
(start $start)
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (i32.const 96))
