// A test: runs a program, if it is told one, and reads the JSON report that it
// wrote. Failing tests are a report and no error.
import { run } from 'baepo:hooks/process@0.1.0';
import type { Suite, TestReport, TestRequest } from 'baepo:hooks/test@0.1.0';
import type { HookError } from 'baepo:hooks/types@0.1.0';
import { glob, read } from 'baepo:hooks/workspace@0.1.0';
import { answering, decode, refused, u64 } from './engine.js';
import { errored, settings, suites } from './report.js';

/** The largest report, in bytes. */
const LARGEST = 16 << 20;

export const test = {
  test: answering((request: TestRequest): TestReport => {
    const { run: argv, report, sources } = settings(request.config);
    const before = argv === undefined ? new Map<string, string>() : reports(report);
    const exitCode = argv === undefined ? 0 : start(argv, request.endpoints);
    const after = [...reports(report)];
    // One of an earlier run says nothing of this one; reports have times in them.
    const fresh = after.filter(([path, content]) => before.get(path) !== content);
    if (fresh.length === 0 && exitCode === 0) {
      const what = after.length > 0 ? 'is as it was before' : 'is not there, or may not be read';
      throw { tag: 'failed', val: `the report \`${report}\` ${what}` } satisfies HookError;
    }
    const known = files(sources);
    const found: Suite[] = fresh.flatMap(([path, content]) => suites(path, content, known));
    const isTold = found.some(({ cases }) => cases.some(({ outcome: { tag } }) => tag === 'failed' || tag === 'errored'));
    if (exitCode !== 0 && !isTold) {
      // It failed although no test did, and that must not be lost.
      const name = (argv ?? []).join(' ');
      found.push({ name: 'the program', cases: [errored(name, `it exited with ${exitCode}`)] });
    }
    return { suites: found, annotations: [] };
  }),
};

/** Under `verify:` there is a candidate, whose addresses tests find in a variable. */
function start(argv: string[], endpoints: string[]): number {
  const env: [string, { tag: 'plain'; val: string }][] =
    endpoints.length > 0 ? [['BAEPO_ENDPOINTS', { tag: 'plain', val: endpoints.join(' ') }]] : [];
  try {
    return run({ argv, env, workingDirectory: '', stdin: new Uint8Array(), captureLimitBytes: 0 }).exitCode;
  } catch (thrown) {
    throw refused(thrown, `run: ${argv[0]}`);
  }
}

/** Files that match, and may be read. */
function files(pattern: string): string[] {
  try {
    return glob(pattern).filter(({ kind }) => kind === 'file').map(({ path }) => path);
  } catch (thrown) {
    throw refused(thrown, `read: ${pattern}`);
  }
}

function reports(pattern: string): Map<string, string> {
  return new Map(files(pattern).map((path) => {
    try {
      return [path, decode(read(path, u64(LARGEST)))];
    } catch (thrown) {
      throw refused(thrown, `read: ${path}`);
    }
  }));
}
