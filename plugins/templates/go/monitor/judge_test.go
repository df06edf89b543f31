package main

import (
	"testing"

	"@NAME@/baepo"
)

// look is the verdict of so many requests and failures, and the memory.
func look(t *testing.T, requests, failures uint64, memory []byte) (baepo.Verdict, []byte) {
	t.Helper()
	telemetry := &baepo.Telemetry{Requests: requests, Failures: failures}
	observation, err := observe(baepo.ObserveRequest{
		Config:    "{}",
		Memory:    memory,
		Candidate: baepo.Side{Telemetry: telemetry},
	})
	if err != nil {
		t.Fatal(err)
	}
	return observation.Verdict, observation.Memory
}

func TestFewRequestsProveNothingAndManyDo(t *testing.T) {
	verdict, memory := look(t, 50, 0, nil)
	if verdict != baepo.VerdictInconclusive {
		t.Errorf("50 requests: %v", verdict)
	}
	if verdict, _ := look(t, 50, 0, memory); verdict != baepo.VerdictHealthy {
		t.Errorf("50 more: %v", verdict)
	}
	if verdict, _ := look(t, 1000, 30, nil); verdict != baepo.VerdictFailing {
		t.Errorf("3 %% failed: %v", verdict)
	}
}

func TestNoRequestIsNoEvidence(t *testing.T) {
	if verdict, _ := look(t, 0, 0, nil); verdict != baepo.VerdictInconclusive {
		t.Errorf("%v", verdict)
	}
	observation, err := observe(baepo.ObserveRequest{Config: "{}"})
	if err != nil || observation.Verdict != baepo.VerdictInconclusive {
		t.Errorf("without telemetry: %v, %v", observation.Verdict, err)
	}
}

func TestAKeyThatNobodyKnowsIsAMistake(t *testing.T) {
	if _, err := (plugin{}).Describe(`{"limits": 2}`); err == nil {
		t.Error("it was taken")
	}
}
