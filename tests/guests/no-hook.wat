;; hookless-plugin
;; Exports something, but no hook.
(func (export "acme:tools/magic@1.0.0#wave"))
