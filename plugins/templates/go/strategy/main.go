// A strategy: some users first, then all of them. It is asked after each step,
// and has to answer the same to the same view: there is no clock and no chance.
// What it returns as memory it gets again at the next call.
package main

import (
	"strconv"

	"@NAME@/baepo"
)

type plugin struct{}

func (plugin) Decide(view baepo.View) (baepo.Decision, error) {
	decision, err := decide(view)
	if err == nil {
		step := strconv.Itoa(int(decision.Progress.Step))
		baepo.Log(baepo.LogLevelDebug, decision.Reason, [][2]string{{"step", step}})
	}
	return decision, err
}

func init() { baepo.ExportStrategy(plugin{}) }

// Nobody calls it: a plugin has no beginning of its own.
func main() {}
