// A monitor: how many of the candidate's requests fail. It is asked every few
// seconds; what it returns as memory it gets again at the next look.
package main

import "@NAME@/baepo"

type plugin struct{}

// Describe says when it can judge; in other phases it is not asked.
func (plugin) Describe(config string) (baepo.Capability, error) {
	if _, err := read(config); err != nil {
		return baepo.Capability{}, err
	}
	return baepo.Capability{Phases: []baepo.Phase{baepo.PhaseRamp, baepo.PhaseBake}}, nil
}

func (plugin) Observe(request baepo.ObserveRequest) (baepo.Observation, error) {
	return observe(request)
}

func init() { baepo.ExportMonitor(plugin{}) }

// Nobody calls it: a plugin has no beginning of its own.
func main() {}
