import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Document } from 'baepo:hooks/store@0.1.0';
import type { Answer, Question } from './control.js';
import { u64 } from './engine.js';
import { fleet } from './fleet.js';
import { State, type Store } from './state.js';

const digest = `sha256:${'02'.repeat(32)}`;

/** The import `store`; `others` save in between that many times. */
function kept(others = 0): Store & { saves: number } {
  let document: Document = { version: u64(0), bytes: new Uint8Array() };
  return {
    saves: 0,
    load: () => document,
    save(expected, bytes) {
      if (others-- > 0) document = { ...document, version: u64(Number(document.version) + 1) };
      if (expected !== document.version) throw Object.assign(new Error(), { payload: { tag: 'conflict' } });
      document = { version: u64(Number(expected) + 1), bytes };
      this.saves++;
      return document.version;
    },
  };
}

/** A target whose API answers each question with that, and what it was asked. */
function made(status: number, body: unknown = {}, store = kept()) {
  const questions: Question[] = [];
  const answer = (question: Question): Answer => {
    questions.push(question);
    return { status, body: new TextEncoder().encode(JSON.stringify(body)) };
  };
  return { target: fleet(() => answer, new State(store)), questions, store };
}

test('a token acts until a newer one was seen', () => {
  const { target, questions } = made(200);
  target.scale('{}', u64(7), digest, 2);
  target.scale('{}', u64(7), digest, 2);
  target.route('{}', u64(8), [{ digest, weightBasisPoints: 10_000 }]);
  assert.throws(() => target.scale('{}', u64(7), digest, 0), { tag: 'fenced' });
  assert.throws(() => target.discard('{}', u64(7), digest), { tag: 'fenced' });
  assert.deepEqual(questions.map(({ path, token }) => [path, token]), [
    [`/v1/releases/${digest}/instances`, 7],
    [`/v1/releases/${digest}/instances`, 7],
    ['/v1/route', 8],
  ]);
  assert.deepEqual(questions[0]?.json, { instances: 2 });
});

test('the API may know of a newer token than the document', () => {
  assert.throws(() => made(412).target.scale('{}', u64(1), digest, 1), { tag: 'fenced' });
});

test('the state is replaced only where nobody else did', () => {
  const { target, store } = made(200);
  assert.deepEqual(target.loadState('{}'), [0, new Uint8Array()]);
  const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
  assert.equal(target.saveState('{}', u64(0), bytes), 1);
  // A token is seen in between, which is no change of the state.
  target.scale('{}', u64(3), digest, 1);
  assert.deepEqual(target.loadState('{}'), [1, bytes]);
  assert.throws(() => target.saveState('{}', u64(0), bytes), { tag: 'conflict' });
  assert.equal(target.saveState('{}', u64(1), bytes), 2);
  assert.throws(() => target.scale('{}', u64(2), digest, 1), { tag: 'fenced' });
  assert.equal(store.saves, 3);
});

test('who saves at the same time as others tries again, and not forever', () => {
  made(200, {}, kept(3)).target.scale('{}', u64(1), digest, 1);
  const hopeless = made(200, {}, kept(Infinity));
  assert.throws(() => hopeless.target.scale('{}', u64(1), digest, 1), { tag: 'hook', val: { tag: 'unavailable', val: 1_000 } });
  assert.equal(hopeless.questions.length, 0);
});

test('what the API says is told, and what it leaves out with its place', () => {
  const one = { digest, asked: 2, ready: 1, starting: 1, draining: 0, restarts: 0, endpoints: ['http://10.0.0.1:80'] };
  const { target } = made(200, { instances: [one], route: [] });
  assert.deepEqual(target.observe('{}'), { instances: [one], route: [] });
  const lacking = made(200, { instances: [{ ...one, ready: undefined }], route: [] });
  const val = { tag: 'failed', val: 'the control API says no whole number at `instances.0.ready`' };
  assert.throws(() => lacking.target.observe('{}'), { tag: 'hook', val });
});

test('a release that is not there has no counters, and needs not be discarded', () => {
  const { target } = made(404);
  assert.equal(target.telemetry('{}', digest), undefined);
  target.discard('{}', u64(1), digest);
  assert.throws(() => target.scale('{}', u64(1), digest, 1), { tag: 'hook' });
});

test('of the lines the newest are told', () => {
  const line = (text: string) => ({ 'at-ms': 5, instance: 'a', text });
  const { target } = made(200, { lines: [line('one'), line('two'), line('three')] });
  assert.deepEqual(target.logs('{}', digest, 2).map(({ text }) => text), ['two', 'three']);
  assert.deepEqual(target.logs('{}', digest, 0), []);
});

test('an API that is not well may be asked later', () => {
  assert.throws(() => made(503).target.observe('{}'), { tag: 'hook', val: { tag: 'unavailable', val: 2_000 } });
});

test('mistakes of the configuration are found before anything is asked', () => {
  const { target, questions } = made(200);
  const isInvalid = (error: { val: { tag: string; val: { path: string }[] } }) =>
    error.val.tag === 'invalid-config' && error.val.val.map(({ path }) => path).join() === 'address,url';
  assert.throws(() => target.describe('{"address": "x", "url": "ftp://x"}'), isInvalid);
  assert.throws(() => target.scale('{"address": "x", "url": "ftp://x"}', u64(1), digest, 1), isInvalid);
  assert.equal(questions.length, 0);
});
