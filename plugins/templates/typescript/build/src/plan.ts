// What is to be run and which files come of it, without anything that only the
// sandbox has, so that it can be tested by node.
import type { BuildRequest, BuiltFile } from 'baepo:hooks/build@0.1.0';
import type { ConfigProblem, HookError, Revision } from 'baepo:hooks/types@0.1.0';
import { command, invalid, optional, read, text, texts } from './config.js';

/** What users write under `with:`. */
interface Settings {
  /** A program and its arguments. */
  run: string[];
  /** Files that it makes, relative to the checkout. */
  files: string[];
  /** Where to write what it was built from; absent for nowhere. */
  version: string | undefined;
}

export interface Plan {
  argv: string[];
  /** A file to write before that. */
  version: { path: string; content: string } | undefined;
  files: BuiltFile[];
}

export function plan(request: Pick<BuildRequest, 'config' | 'revision'>): Plan {
  const { run, files, version } = read<Settings>(request.config, {
    run: command(['npm', 'run', 'build']),
    files: texts(['dist/app.js']),
    version: optional(text()),
  });
  const paths = version === undefined ? files : [...files, version];
  const names = paths.map(name);
  const problems: ConfigProblem[] = [];
  names.forEach((one, at) => {
    if (names.indexOf(one) < at) {
      const path = at < files.length ? `files.${at}` : 'version';
      problems.push({ path, message: `\`${one}\` is there already: in a release there are no folders` });
    }
  });
  if (problems.length > 0) throw invalid(...problems);
  return {
    argv: run,
    version: version === undefined ? undefined : { path: version, content: versionText(request.revision) },
    files: paths.map((path) => ({ name: name(path), path, mediaType: mediaType(path) })),
  };
}

/** In the release it has the name that it has in its folder. */
const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const mediaType = (path: string): string => (path.endsWith('.json') ? 'application/json' : '');

/** The same bytes for the same commit: its own time is the only one in it. */
function versionText({ commit, refName, committedAtMs }: Revision): string {
  const committedAt = new Date(Number(committedAtMs)).toISOString();
  return `${JSON.stringify({ commit, ref: refName, 'committed-at': committedAt }, null, 2)}\n`;
}

/** What a program that failed is told of, with the last that it said. */
export function failure(argv: string[], exitCode: number, said: string): HookError {
  const last = said.trimEnd().split('\n').slice(-3).join('\n');
  return { tag: 'failed', val: `\`${argv.join(' ')}\` exited with ${exitCode}${last === '' ? '' : `: ${last}`}` };
}
