
// labelled is its parts with colons between them, without those that are empty.
func labelled(parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ": ")
}

// joined is the texts of a list in one line.
func joined[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for n, element := range list {
		texts[n] = text(element)
	}
	return strings.Join(texts, "; ")
}

// panicText is what was said by a panic, and the line of the plugin that it
// came from. It is called by the function that recovers.
func panicText(reason any) string {
	text := "it panicked"
	switch reason := reason.(type) {
	case error:
		text = reason.Error()
	case interface{ String() string }:
		text = reason.String()
	case string:
		text = reason
	}
	return "panic: " + text + panicPlace()
}

// panicPlace is the innermost line that belongs to the plugin: neither to the
// standard library nor to this package.
func panicPlace() string {
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	module, own := "", ""
	for {
		frame, more := frames.Next()
		slash := strings.LastIndexByte(frame.Function, '/') + 1
		dot := strings.IndexByte(frame.Function[slash:], '.')
		if dot < 0 {
			dot = 0
		}
		folder := frame.Function[:slash+dot]
		if own == "" {
			// The first frame is this function.
			own = folder
			module = strings.TrimSuffix(own, "/baepo")
		}
		isPlugin := folder == "main" || folder == module || strings.HasPrefix(folder, module+"/")
		if isPlugin && folder != own {
			return ", at " + placeIn(module, frame.File) + ":" + strconv.Itoa(frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// placeIn is a file relative to the module's folder, which is a part of the
// name only with -trimpath.
func placeIn(module, file string) string {
	if inside, isTrimmed := strings.CutPrefix(file, module+"/"); isTrimmed {
		return inside
	}
	return file[strings.LastIndexByte(file, '/')+1:]
}
