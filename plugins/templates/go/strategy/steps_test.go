package main

import (
	"errors"
	"slices"
	"testing"

	"@NAME@/baepo"
)

func first(config string) baepo.View {
	return baepo.View{Config: config, Instances: 4, OnNoEvidence: baepo.OnNoEvidenceHold}
}

// rollout is the names of all directives, where windows end like this.
func rollout(t *testing.T, window baepo.Ending) []string {
	t.Helper()
	var seen []string
	view := first(`{"share": 25}`)
	for range 100 {
		decision, err := plugin{}.Decide(view)
		if err != nil {
			t.Fatal(err)
		}
		ending := baepo.EndingReached
		switch decision.Directive.(type) {
		case baepo.DirectiveScale:
			seen = append(seen, "scale")
		case baepo.DirectiveRoute:
			seen = append(seen, "route")
		case baepo.DirectiveObserve:
			seen = append(seen, "observe")
			ending = window
		case baepo.DirectiveHold:
			seen = append(seen, "hold")
			ending = baepo.EndingHoldExpired
		case baepo.DirectiveFinish:
			return append(seen, "finish")
		case baepo.DirectiveAbort:
			return append(seen, "abort")
		}
		view.Memory = decision.Memory
		view.Last = &baepo.Ended{Directive: decision.Directive, Ending: ending}
	}
	t.Fatal("it never ends")
	return nil
}

func TestAGoodReleaseGetsToEverybody(t *testing.T) {
	seen := rollout(t, baepo.EndingHealthy)
	if want := []string{"scale", "route", "observe", "route", "observe", "finish"}; !slices.Equal(seen, want) {
		t.Errorf("%v", seen)
	}
}

func TestNobodyKnowingIsNotGoingOn(t *testing.T) {
	seen := rollout(t, baepo.EndingInconclusive)
	if end := seen[len(seen)-2:]; !slices.Equal(end, []string{"hold", "abort"}) {
		t.Errorf("it ends with %v", end)
	}
	routes := 0
	for _, name := range seen {
		if name == "route" {
			routes++
		}
	}
	if routes != 1 {
		t.Errorf("it lets more users in: %v", seen)
	}
}

func TestMistakesInTheConfigurationHaveAPlace(t *testing.T) {
	for config, path := range map[string]string{
		`{"shares": 25}`:  "shares",
		`{"share": "25"}`: "share",
		`{"share": 100}`:  "share",
		`{"watch": 0}`:    "watch",
	} {
		_, err := decide(first(config))
		var problems baepo.HookErrorInvalidConfig
		if !errors.As(err, &problems) || problems[0].Path != path {
			t.Errorf("%s: %v", config, err)
		}
	}
}
