package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"@NAME@/baepo"
)

// stamp is what a release says of itself. Its only date is that of the commit,
// so that the same commit is built into the same bytes.
type stamp struct {
	Commit        string `json:"commit"`
	Ref           string `json:"ref"`
	Summary       string `json:"summary"`
	CommittedAtMs uint64 `json:"committedAtMs"`
}

func build(request baepo.BuildRequest) (baepo.BuildOutput, error) {
	settings, err := read(request.Config)
	if err != nil {
		return baepo.BuildOutput{}, err
	}
	revision := request.Revision
	content, err := json.MarshalIndent(stamp{revision.Commit, revision.RefName, revision.Summary, revision.CommittedAtMs}, "", "  ")
	if err != nil {
		return baepo.BuildOutput{}, err
	}
	if err := baepo.WorkspaceWrite(settings.Stamp, append(content, '\n')); err != nil {
		return baepo.BuildOutput{}, fmt.Errorf("writing %s: %w", settings.Stamp, err)
	}
	if err := run(settings.Run, revision); err != nil {
		return baepo.BuildOutput{}, err
	}
	output := baepo.BuildOutput{Files: []baepo.BuiltFile{file(settings.Stamp, "application/json")}}
	for _, made := range settings.Files {
		output.Files = append(output.Files, file(made, ""))
	}
	return output, nil
}

// run runs the program to its end, with the version in its environment. What it
// says goes to the log by itself.
func run(argv []string, revision baepo.Revision) error {
	seconds := strconv.FormatUint(revision.CommittedAtMs/1000, 10)
	output, err := baepo.ProcessRun(baepo.ProcessCommand{
		Argv: argv,
		Env: []baepo.Tuple2[string, baepo.ProcessValue]{
			{F0: "VERSION", F1: baepo.ProcessValuePlain(revision.Commit)},
			// Many compilers take their date from it.
			{F0: "SOURCE_DATE_EPOCH", F1: baepo.ProcessValuePlain(seconds)},
		},
		CaptureLimitBytes: 64 * 1024,
	})
	if err != nil {
		return err
	}
	if output.ExitCode != 0 {
		return baepo.HookErrorFailed(fmt.Sprintf("`%s` ended with %d: %s", strings.Join(argv, " "), output.ExitCode, lastLine(output.Stderr)))
	}
	return nil
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// file has in the release the name that it has in its folder.
func file(at, mediaType string) baepo.BuiltFile {
	return baepo.BuiltFile{Name: path.Base(at), Path: at, MediaType: mediaType}
}
