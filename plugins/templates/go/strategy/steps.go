package main

import (
	"fmt"
	"math"
	"slices"

	"@NAME@/baepo"
)

// patience is how often a step is watched before somebody is asked.
const patience = 10

type step struct {
	directive baepo.Directive
	reason    string
}

func steps(settings settings, instances uint32) []step {
	watch := settings.Watch * 1000
	observe := baepo.DirectiveObserve{MinMs: uint64(watch / 2), MaxMs: uint64(watch)}
	return []step{
		{baepo.DirectiveScale{Stable: instances, Candidate: instances}, "starting"},
		{baepo.DirectiveRoute(math.Round(settings.Share * 100)), fmt.Sprintf("letting %v %% of users in", settings.Share)},
		{observe, "watching the first users"},
		{baepo.DirectiveRoute(10_000), "letting everybody in"},
		{observe, "watching all traffic"},
		{baepo.DirectiveFinish{}, "the new release is stable"},
	}
}

// everybody is the number of the step that puts all traffic on the candidate.
func everybody(all []step) int {
	return slices.IndexFunc(all, func(one step) bool { return one.directive == baepo.DirectiveRoute(10_000) })
}

// place is what is kept between two decisions.
type place struct {
	step    int
	watched int
}

// load takes what is no place for the beginning.
func load(memory []byte) place {
	if len(memory) != 2 {
		return place{}
	}
	return place{step: int(memory[0]), watched: int(memory[1])}
}

func (p place) save() []byte { return []byte{byte(p.step), byte(p.watched)} }

func decide(view baepo.View) (baepo.Decision, error) {
	settings, err := read(view.Config)
	if err != nil {
		return baepo.Decision{}, err
	}
	all := steps(settings, view.Instances)
	at := load(view.Memory)
	last := len(all) - 1
	answer := func(at place, directive baepo.Directive, reason string) (baepo.Decision, error) {
		progress := baepo.Progress{Step: uint32(min(at.step, last) + 1), Of: uint32(len(all))}
		return baepo.Decision{Memory: at.save(), Directive: directive, Progress: progress, Reason: reason}, nil
	}
	goTo := func(at place) (baepo.Decision, error) {
		at.step = min(at.step, last)
		return answer(at, all[at.step].directive, all[at.step].reason)
	}
	next := place{step: at.step + 1}
	switch {
	case view.Last == nil:
		return goTo(place{})
	case view.PromoteFull && at.step > 0 && at.step < everybody(all):
		// A person wants all traffic there at once.
		return goTo(place{step: everybody(all)})
	}
	switch view.Last.Ending {
	case baepo.EndingReached, baepo.EndingHealthy, baepo.EndingPromoted:
		return goTo(next)
	case baepo.EndingResumed:
		return goTo(place{step: at.step})
	case baepo.EndingHoldExpired:
		return answer(at, baepo.DirectiveAbort("nobody came"), "nobody came")
	}
	// Inconclusive: it is watched again, and not for ever.
	if at.watched+1 < patience {
		return goTo(place{step: at.step, watched: at.watched + 1})
	}
	directive, reason := unknown(view)
	if directive == nil {
		return goTo(next)
	}
	return answer(at, directive, reason)
}

// unknown is what the environment says is done where patience is over and nobody
// knows; nil is to go on.
func unknown(view baepo.View) (baepo.Directive, string) {
	reason := "not enough evidence: no monitor said anything"
	isWell := false
	if view.Judgement != nil {
		reason = "not enough evidence: " + view.Judgement.Reason
		isWell = view.Judgement.Health == baepo.VerdictHealthy && view.Judgement.Verdict != baepo.VerdictFailing
	}
	switch {
	case view.OnNoEvidence == baepo.OnNoEvidenceContinueOnHealth && isWell:
		return nil, ""
	case view.OnNoEvidence == baepo.OnNoEvidenceAbort:
		return baepo.DirectiveAbort(reason), reason
	}
	return baepo.DirectiveHold{Reason: reason}, reason
}
