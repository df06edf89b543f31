
// Some is a pointer to a value, for what may be absent.
func Some[T any](value T) *T { return &value }
