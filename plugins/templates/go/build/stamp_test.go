package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"@NAME@/baepo"
)

var request = baepo.BuildRequest{
	Config:   `{"run": ["make", "app"], "files": ["out/bin/app"]}`,
	Revision: baepo.Revision{Commit: "c0ffee", RefName: "refs/heads/main", CommittedAtMs: 1_700_000_000_000},
}

// host is a build machine on which the program ends so.
func host(t *testing.T, exitCode int32) map[string]string {
	t.Helper()
	written := map[string]string{}
	baepo.FakeWorkspaceWrite = func(path string, content []byte) error {
		written[path] = string(content)
		return nil
	}
	baepo.FakeProcessRun = func(command baepo.ProcessCommand) (baepo.ProcessOutput, error) {
		for _, variable := range command.Env {
			if plain, isPlain := variable.F1.(baepo.ProcessValuePlain); isPlain {
				written[variable.F0] = string(plain)
			}
		}
		return baepo.ProcessOutput{ExitCode: exitCode, Stderr: []byte("a warning\nno rule\n")}, nil
	}
	return written
}

func TestTheVersionIsWrittenAndGivenToTheProgram(t *testing.T) {
	written := host(t, 0)
	output, err := build(request)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(written["out/version.json"], `"commit": "c0ffee"`) || written["VERSION"] != "c0ffee" {
		t.Errorf("%v", written)
	}
	if written["SOURCE_DATE_EPOCH"] != "1700000000" {
		t.Errorf("%v", written)
	}
	var names []string
	for _, file := range output.Files {
		names = append(names, file.Name)
	}
	if !slices.Equal(names, []string{"version.json", "app"}) {
		t.Errorf("%v", names)
	}
}

func TestAProgramThatFailsFailsTheBuild(t *testing.T) {
	host(t, 2)
	_, err := build(request)
	var failed baepo.HookErrorFailed
	if !errors.As(err, &failed) || err.Error() != "`make app` ended with 2: no rule" {
		t.Errorf("%v", err)
	}
}

func TestAKeyThatNobodyKnowsIsAMistake(t *testing.T) {
	_, err := build(baepo.BuildRequest{Config: `{"file": []}`})
	var problems baepo.HookErrorInvalidConfig
	if !errors.As(err, &problems) || problems[0].Path != "file" {
		t.Errorf("%v", err)
	}
}
