;; acme-plugin
;; Wants something that the host does not have.
(import "acme:tools/magic@1.0.0" "wave" (func $wave))
(func (export "baepo:hooks/strategy@0.1.0#decide") (param i32) (result i32)
  (call $wave)
  (i32.const 96))
