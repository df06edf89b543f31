
// memory keeps alive what the host is to read: for the garbage collector an
// address in linear memory is only a number.
type memory struct {
	kept []unsafe.Pointer
}

func (m *memory) keep(p unsafe.Pointer) uint32 {
	m.kept = append(m.kept, p)
	return uint32(uintptr(p))
}

// allocate gives so many bytes, aligned for every type of the interface.
func (m *memory) allocate(size int) unsafe.Pointer {
	words := make([]uint64, (size+7)/8+1)
	p := unsafe.Pointer(&words[0])
	m.keep(p)
	return p
}

var (
	// arrived is what the host has put into memory since the last call.
	arrived []unsafe.Pointer
	// leaving is what an export has returned, until the host has read it.
	leaving *memory
	// calling is held while the host is called: it may write to memory then,
	// and no other goroutine can call it.
	calling sync.Mutex
	// borrows are resources that an export must have dropped at its end.
	borrows []interface{ Drop() }
)

//go:wasmexport cabi_realloc
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	if size == 0 {
		return align
	}
	words := make([]uint64, (size+7)/8)
	p := unsafe.Pointer(&words[0])
	arrived = append(arrived, p)
	copy(unsafe.Slice((*byte)(p), size), unsafe.Slice((*byte)(pointer(old)), oldSize))
	return uint32(uintptr(p))
}

// end is called after the host has answered and all is taken over.
func end(m *memory) {
	arrived = nil
	calling.Unlock()
	runtime.KeepAlive(m)
}

// begin is called by an export after all is taken over.
func begin() *memory {
	arrived = nil
	leaving = new(memory)
	return leaving
}

func borrowed[T interface{ Drop() }](resource T) T {
	borrows = append(borrows, resource)
	return resource
}

func dropBorrows() {
	for _, resource := range borrows {
		resource.Drop()
	}
	borrows = nil
}

func pointer(address uint32) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(nil), address)
}

func load[T any](p unsafe.Pointer) T { return *(*T)(p) }

func store[T any](_ *memory, p unsafe.Pointer, v T) { *(*T)(p) = v }

func loadBool(p unsafe.Pointer) bool { return *(*uint8)(p) != 0 }

func storeBool(_ *memory, p unsafe.Pointer, v bool) { *(*uint8)(p) = uint8(lowerBool(v)) }

func lowerBool(v bool) uint32 {
	if v {
		return 1
	}
	return 0
}

func loadRune(p unsafe.Pointer) rune { return *(*rune)(p) }

func storeRune(_ *memory, p unsafe.Pointer, v rune) { *(*uint32)(p) = lowerRune(v) }

// lowerRune replaces what is no character, as Go itself does in strings.
func lowerRune(v rune) uint32 {
	if !utf8.ValidRune(v) {
		return utf8.RuneError
	}
	return uint32(v)
}

// mustBeSet names a field that was forgotten, such as `Observation.Verdict`.
func mustBeSet(is bool, field string) {
	if !is {
		panic(field + " is not set")
	}
}

// lowerEnum is the number of a case. In Go they begin with 1, so that a field
// that was forgotten is not the first case.
func lowerEnum(v, count uint32, name string) uint32 {
	if v == 0 {
		panic("a " + name + " is not set")
	}
	if v > count {
		panic("a " + name + " is none of its cases")
	}
	return v - 1
}

func loadString(p unsafe.Pointer) string {
	return liftString(load[uint32](p), load[uint32](unsafe.Add(p, 4)))
}

func storeString(m *memory, p unsafe.Pointer, v string) {
	address, size := lowerString(m, v)
	store(m, p, address)
	store(m, unsafe.Add(p, 4), size)
}

// liftString takes over what was allocated by cabiRealloc for this string.
func liftString(address, size uint32) string {
	if size == 0 {
		return ""
	}
	return unsafe.String((*byte)(pointer(address)), size)
}

// lowerString replaces what is not UTF-8: the host would end the call.
func lowerString(m *memory, v string) (address, size uint32) {
	if v == "" {
		return 0, 0
	}
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, string(utf8.RuneError))
	}
	return m.keep(unsafe.Pointer(unsafe.StringData(v))), uint32(len(v))
}

func loadSlice[T any](p unsafe.Pointer) []T {
	return liftSlice[T](load[uint32](p), load[uint32](unsafe.Add(p, 4)))
}

func storeSlice[T any](m *memory, p unsafe.Pointer, v []T) {
	address, size := lowerSlice(m, v)
	store(m, p, address)
	store(m, unsafe.Add(p, 4), size)
}

// liftSlice takes over numbers that lie in memory as Go has them.
func liftSlice[T any](address, size uint32) []T {
	if size == 0 {
		return nil
	}
	return unsafe.Slice((*T)(pointer(address)), size)
}

func lowerSlice[T any](m *memory, v []T) (address, size uint32) {
	if len(v) == 0 {
		return 0, 0
	}
	return m.keep(unsafe.Pointer(unsafe.SliceData(v))), uint32(len(v))
}

func loadList[T any](p unsafe.Pointer, size int, load1 func(unsafe.Pointer) T) []T {
	return liftList(load[uint32](p), load[uint32](unsafe.Add(p, 4)), size, load1)
}

func storeList[T any](m *memory, p unsafe.Pointer, v []T, size int, store1 func(*memory, unsafe.Pointer, T)) {
	address, count := lowerList(m, v, size, store1)
	store(m, p, address)
	store(m, unsafe.Add(p, 4), count)
}

func liftList[T any](address, count uint32, size int, load1 func(unsafe.Pointer) T) []T {
	if count == 0 {
		return nil
	}
	list := make([]T, count)
	for n := range list {
		list[n] = load1(unsafe.Add(pointer(address), n*size))
	}
	return list
}

func lowerList[T any](m *memory, v []T, size int, store1 func(*memory, unsafe.Pointer, T)) (address, count uint32) {
	if len(v) == 0 {
		return 0, 0
	}
	list := m.allocate(len(v) * size)
	for n, element := range v {
		store1(m, unsafe.Add(list, n*size), element)
	}
	return uint32(uintptr(list)), uint32(len(v))
}
