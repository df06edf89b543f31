
// ErrFailed is the error of functions that do not say why.
var ErrFailed = errors.New("failed")
