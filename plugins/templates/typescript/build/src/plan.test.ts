import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, plan } from './plan.js';

const revision = { commit: 'c0ffee', refName: 'refs/heads/main', summary: 's', committedAtMs: 1_700_000_000_000n };
const planned = (config: object) => plan({ config: JSON.stringify(config), revision });

test('a file has no folders in the release', () => {
  const { argv, files, version } = planned({ run: ['make'], files: ['out/bin/app', 'LICENSE'] });
  assert.deepEqual(argv, ['make']);
  assert.deepEqual(files.map((file) => [file.name, file.path]), [['app', 'out/bin/app'], ['LICENSE', 'LICENSE']]);
  assert.equal(version, undefined);
});

test('the version says what it was built from, and is a file of the release', () => {
  const { files, version } = planned({ version: 'dist/version.json' });
  assert.deepEqual(JSON.parse(version?.content ?? ''), {
    commit: 'c0ffee',
    ref: 'refs/heads/main',
    'committed-at': '2023-11-14T22:13:20.000Z',
  });
  assert.equal(files.at(-1)?.mediaType, 'application/json');
});

test('mistakes are told all at once, each with its place', () => {
  const mistakes = (config: object) => {
    try {
      planned(config);
    } catch (error) {
      return (error as { val: { path: string }[] }).val.map((problem) => problem.path);
    }
    return [];
  };
  assert.deepEqual(mistakes({ runs: [], files: 'app', run: 5 }), ['runs', 'run', 'files']);
  assert.deepEqual(mistakes({ files: ['a/app', 'b/app'], version: 'c/app' }), ['files.1', 'version']);
  assert.deepEqual(mistakes({ run: [] }), ['run']);
});

test('a failure has the last lines of the program', () => {
  const error = failure(['make', 'all'], 2, 'one\ntwo\nthree\nfour\n');
  assert.deepEqual(error, { tag: 'failed', val: '`make all` exited with 2: two\nthree\nfour' });
});
