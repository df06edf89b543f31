
// number is what the host knows it by.
func (r *@TYPE@) number() uint32 {
	if r == nil || r.handle == 0 {
		panic("a @TYPE@ is nil, was dropped or was given away")
	}
	return r.handle
}

// give is its number, after which it is another's.
func (r *@TYPE@) give() uint32 {
	number := r.number()
	r.handle = 0
	return number
}

// Drop gives it back to the host. What is not dropped ends with the call.
func (r *@TYPE@) Drop() {
	if r.handle != 0 {
		drop@TYPE@(r.give())
	}
}
