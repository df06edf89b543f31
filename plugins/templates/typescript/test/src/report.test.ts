import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settings, suites } from './report.js';

const one = (result: object) => ({ title: 'adds', ancestorTitles: ['sum'], status: 'passed', duration: 1.6, ...result });
const report = (...files: object[]) => JSON.stringify({ testResults: files });
const file = (...results: object[]) => ({ name: '/home/a/shop/src/sum.test.ts', assertionResults: results });

test('cases have their outcome, their time and their file', () => {
  const failed = one({ status: 'failed', failureMessages: ['\x1b[31mexpected 3\x1b[39m\n at /home/a/shop/src/sum.test.ts:7:12'], duration: null });
  const known = ['sum.test.ts', 'src/sum.test.ts', 'p/src/sum.test.ts', 'src/other.ts'];
  const [suite] = suites('r.json', report(file(one({}), failed, one({ status: 'todo' }))), known);
  assert.equal(suite?.name, 'src/sum.test.ts');
  const [passes, fails, waits] = suite!.cases;
  assert.deepEqual(passes, {
    name: 'adds',
    className: 'sum',
    outcome: { tag: 'passed' },
    durationMs: 2,
    file: 'src/sum.test.ts',
    line: undefined,
  });
  assert.deepEqual(fails?.outcome, { tag: 'failed', val: 'expected 3\n at /home/a/shop/src/sum.test.ts:7:12' });
  assert.equal(fails?.line, 7);
  assert.deepEqual(waits?.outcome, { tag: 'skipped', val: 'todo' });
});

test('what cannot be loaded, and what nobody knows, does not pass', () => {
  const [broken, odd] = suites('r.json', report({ ...file(), message: 'no such module' }, file(one({ status: 'fine' }))), []);
  assert.deepEqual(broken?.cases[0]?.outcome, { tag: 'errored', val: 'no such module' });
  assert.equal(odd?.cases[0]?.outcome.tag, 'errored');
});

test('what is no report is told as such', () => {
  for (const content of ['', '[]', 'null', '{"testResults": 5}', '{"testResults": [{}]}']) {
    assert.throws(() => suites('r.json', content, []), { tag: 'failed' }, content);
  }
});

test('a key that nobody knows is a mistake', () => {
  assert.throws(() => settings('{"reports": "a.json"}'), { tag: 'invalid-config' });
  assert.equal(settings('{}').report, 'report.json');
});
