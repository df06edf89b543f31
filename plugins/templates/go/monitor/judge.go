package main

import (
	"encoding/binary"
	"fmt"

	"@NAME@/baepo"
)

// sums are what is kept between two looks.
type sums struct {
	requests uint64
	failures uint64
}

// load takes what is of another plugin for nothing.
func load(memory []byte) sums {
	if len(memory) != 16 {
		return sums{}
	}
	return sums{binary.LittleEndian.Uint64(memory), binary.LittleEndian.Uint64(memory[8:])}
}

func (s sums) save() []byte {
	memory := binary.LittleEndian.AppendUint64(nil, s.requests)
	return binary.LittleEndian.AppendUint64(memory, s.failures)
}

func observe(request baepo.ObserveRequest) (baepo.Observation, error) {
	settings, err := read(request.Config)
	if err != nil {
		return baepo.Observation{}, err
	}
	seen := request.Candidate.Telemetry
	if seen == nil {
		return unknown(request.Memory, "the target measures nothing"), nil
	}
	sums := load(request.Memory)
	sums.requests += seen.Requests
	sums.failures += seen.Failures
	if sums.requests == 0 {
		return unknown(sums.save(), "nobody has asked the candidate yet"), nil
	}
	rate := float64(sums.failures) * 100 / float64(sums.requests)
	verdict := baepo.VerdictHealthy
	switch {
	case sums.requests < settings.Least:
		// Without evidence nothing is healthy.
		verdict = baepo.VerdictInconclusive
	case rate > settings.Limit:
		verdict = baepo.VerdictFailing
	}
	evidence := fmt.Sprintf("%d requests", sums.requests)
	return baepo.Observation{
		Memory:  sums.save(),
		Verdict: verdict,
		Reason:  fmt.Sprintf("%.2f %% of %s failed", rate, evidence),
		Measurements: []baepo.Measurement{{
			Name:      "failures",
			Unit:      "%",
			Candidate: &rate,
			Limit:     &settings.Limit,
			Verdict:   verdict,
			Evidence:  evidence,
			Samples:   []baepo.Sample{{AtMs: request.WindowElapsedMs, Candidate: &rate}},
		}},
	}, nil
}

func unknown(memory []byte, reason string) baepo.Observation {
	return baepo.Observation{Memory: memory, Verdict: baepo.VerdictInconclusive, Reason: reason}
}
