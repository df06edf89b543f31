
// Failure is an error that is no error type of its own.
type Failure[E any] struct {
	// Value is what the function said.
	Value E
}

func (Failure[E]) Error() string { return "failed" }

func asFailure[E any](err error) E {
	var known Failure[E]
	if errors.As(err, &known) {
		return known.Value
	}
	panic("an error that is no Failure was returned: " + err.Error())
}
