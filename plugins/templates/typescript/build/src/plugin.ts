// A build: runs one program and names the files that it made. It may also write
// down what they were made of, for the release to carry it.
import type { BuildOutput, BuildRequest } from 'baepo:hooks/build@0.1.0';
import { log } from 'baepo:hooks/log@0.1.0';
import { type Output, run } from 'baepo:hooks/process@0.1.0';
import { write } from 'baepo:hooks/workspace@0.1.0';
import { answering, decode, encode, refused } from './engine.js';
import { failure, plan } from './plan.js';

export const build = {
  build: answering((request: BuildRequest): BuildOutput => {
    const { argv, version, files } = plan(request);
    log('info', 'building', [['commit', request.revision.commit]]);
    const output = start(argv);
    if (output.exitCode !== 0) throw failure(argv, output.exitCode, decode(output.stderr));
    // Afterwards, for many programs empty the folder that they build into.
    if (version !== undefined) store(version.path, version.content);
    return { files, annotations: [] };
  }),
};

/** Both of its streams go to the log as they come. */
function start(argv: string[]): Output {
  try {
    return run({ argv, env: [], workingDirectory: '', stdin: new Uint8Array(), captureLimitBytes: 4096 });
  } catch (thrown) {
    throw refused(thrown, `run: ${argv[0]}`);
  }
}

function store(path: string, content: string): void {
  try {
    write(path, encode(content));
  } catch (thrown) {
    throw refused(thrown, `write: ${path}`);
  }
}
