package main

// settings are what users write under `with:`.
type settings struct {
	// How many of a hundred requests may fail.
	Limit float64 `json:"limit"`
	// Fewer requests than this prove nothing.
	Least uint64 `json:"least"`
}

func read(config string) (settings, error) {
	settings := settings{Limit: 1, Least: 100}
	if err := decode(config, &settings); err != nil {
		return settings, err
	}
	switch {
	case settings.Limit <= 0 || settings.Limit >= 100:
		return settings, invalid("limit", "must be more than 0 and less than 100")
	case settings.Least == 0:
		return settings, invalid("least", "must be at least 1: without requests nothing is known")
	}
	return settings, nil
}
