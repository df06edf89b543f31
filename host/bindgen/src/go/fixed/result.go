
// Result is a value or an error in a place where it does not end a call.
type Result[T, E any] struct {
	// OK is the value.
	OK T
	// Err is the error, where there is one.
	Err E
	// IsErr says which of them it is.
	IsErr bool
}
