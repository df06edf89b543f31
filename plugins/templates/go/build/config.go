package main

// settings are what users write under `with:`.
type settings struct {
	// A program and its arguments.
	Run []string `json:"run"`
	// Where the file with the version is written, relative to the checkout.
	Stamp string `json:"stamp"`
	// Files that the program makes, relative to the checkout.
	Files []string `json:"files"`
}

func read(config string) (settings, error) {
	settings := settings{Run: []string{"make"}, Stamp: "out/version.json", Files: []string{"out/app"}}
	if err := decode(config, &settings); err != nil {
		return settings, err
	}
	switch {
	case len(settings.Run) == 0:
		return settings, invalid("run", "must name a program")
	case settings.Stamp == "":
		return settings, invalid("stamp", "must name a file")
	}
	return settings, nil
}
