// A build: says in a file what is built, runs one program, and names the files
// that it made. It needs `allow: { run: [make], write: [out] }` at its use; what may
// be written is also what the program may change.
package main

import "@NAME@/baepo"

type plugin struct{}

func (plugin) Build(request baepo.BuildRequest) (baepo.BuildOutput, error) {
	return build(request)
}

func init() { baepo.ExportBuild(plugin{}) }

// Nobody calls it: a plugin has no beginning of its own.
func main() {}
