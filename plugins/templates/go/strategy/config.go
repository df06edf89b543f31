package main

// settings are what users write under `with:`.
type settings struct {
	// How many users meet it first, in percent.
	Share float64 `json:"share"`
	// How long each step is watched at most, in seconds.
	Watch float64 `json:"watch"`
}

func read(config string) (settings, error) {
	settings := settings{Share: 10, Watch: 120}
	if err := decode(config, &settings); err != nil {
		return settings, err
	}
	switch {
	case settings.Share <= 0 || settings.Share >= 100:
		return settings, invalid("share", "must be more than 0 and less than 100, of which all is")
	case settings.Watch < 1 || settings.Watch > 86_400:
		return settings, invalid("watch", "must be from 1 to 86400 seconds")
	}
	return settings, nil
}
