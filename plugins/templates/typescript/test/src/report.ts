// From a JSON report to suites, without anything that only the sandbox has, so
// that it can be tested by node. Vitest writes such a report with
// `--reporter=json --outputFile=report.json`, Jest with `--json --outputFile=…`.
import type { Outcome, Suite, TestCase } from 'baepo:hooks/test@0.1.0';
import type { HookError } from 'baepo:hooks/types@0.1.0';
import { command, optional, read, text } from './config.js';
import { u64 } from './engine.js';

/** What users write under `with:`. */
export interface Settings {
  /** A program and its arguments; absent where the reports are there already. */
  run: string[] | undefined;
  /** A pattern for the reports. */
  report: string;
  /** A pattern for the files with the tests, which failures are shown at. */
  sources: string;
}

export function settings(config: string): Settings {
  return read<Settings>(config, { run: optional(command([])), report: text('report.json'), sources: text('src/**') });
}

/** What is read of a report. Whatever else is in it may change. */
interface Report {
  testResults: {
    name: string;
    message?: string;
    assertionResults: {
      ancestorTitles?: string[];
      title: string;
      status: string;
      duration?: number | null;
      failureMessages?: string[] | null;
      location?: { line: number } | null;
    }[];
  }[];
}

/** The suites of the report at `path`; `sources` are known files of the checkout. */
export function suites(path: string, content: string, sources: string[]): Suite[] {
  const malformed = (why: unknown): HookError => ({ tag: 'failed', val: `\`${path}\` is no report: ${why}` });
  let report: Report;
  try {
    report = JSON.parse(content);
  } catch (error) {
    throw malformed((error as Error).message);
  }
  if (!Array.isArray(report?.testResults)) throw malformed('there is no list `testResults`');
  return report.testResults.map(({ name, message, assertionResults }, at) => {
    if (typeof name !== 'string' || !Array.isArray(assertionResults)) {
      throw malformed(`\`testResults.${at}\` has no \`name\`, or no list \`assertionResults\``);
    }
    // Reports have absolute paths, and only the end of them is known here.
    const file = sources.filter((source) => `/${name}`.endsWith(`/${source}`)).sort((a, b) => b.length - a.length)[0];
    const cases = assertionResults.map((result): TestCase => {
      const why = (result.failureMessages ?? []).join('\n');
      return {
        name: clean(result.title),
        className: clean((result.ancestorTitles ?? []).join(' › ')),
        outcome: outcome(result.status, why),
        durationMs: typeof result.duration === 'number' ? u64(Math.max(0, result.duration)) : undefined,
        file,
        line: result.location?.line ?? lineIn(why, file),
      };
    });
    // A file that cannot be loaded has no case, and must not pass for that.
    if (cases.length === 0) cases.push(errored('the file', message || 'it has no test', file));
    return { name: file ?? clean(name), cases };
  });
}

/** Where the file is named in a stack, as `FILE:LINE:COLUMN`. */
function lineIn(stack: string, file: string | undefined): number | undefined {
  const line = file === undefined ? NaN : parseInt(stack.split(`/${file}:`)[1] ?? '', 10);
  return line > 0 ? line : undefined;
}

function outcome(status: string, why: string): Outcome {
  switch (status) {
    case 'passed':
      return { tag: 'passed' };
    case 'failed':
      return { tag: 'failed', val: clean(why) };
    case 'pending':
    case 'skipped':
    case 'todo':
    case 'disabled':
      return { tag: 'skipped', val: status };
    default:
      // Nothing passes that nobody knows.
      return { tag: 'errored', val: `its status is \`${clean(status)}\`` };
  }
}

export function errored(name: string, why: string, file?: string): TestCase {
  return { name, className: '', outcome: { tag: 'errored', val: clean(why) }, durationMs: undefined, file, line: undefined };
}

/** Without the colours of a terminal, and without halves of letters, which have no UTF-8. */
const clean = (text: unknown): string => String(text).replace(/\x1b\[[0-9;]*m/g, '').toWellFormed();
