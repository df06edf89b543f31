;; making-plugin
;; Makes things of its own until there are no more handles.
(import "[export]acme:tools/things@1.0.0" "[resource-new]thing" (func $new (param i32) (result i32)))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (loop $again
    (drop (call $new (i32.const 7)))
    (br $again))
  (i32.const 0))
