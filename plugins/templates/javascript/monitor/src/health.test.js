/** @import { Request, Response } from 'baepo:hooks/http@0.1.0' */
/** @import { ObserveRequest } from 'baepo:hooks/monitor@0.1.0' */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from './engine.js';
import { observe, settings } from './health.js';

const revision = { commit: 'c', refName: 'main', summary: 's', committedAtMs: 0n };
/** @type {ObserveRequest} */
const first = {
  config: '{}',
  memory: new Uint8Array(),
  phase: 'preview',
  window: 1,
  windowElapsedMs: 0n,
  sinceLastLookMs: 0n,
  lastLook: false,
  candidate: { release: { digest: 'd', revision, artifacts: [] }, endpoints: ['http://a', 'http://b'] },
  nowMs: 0n,
};

/** @type {(status: number, body: string) => (request: Request) => Response} */
const answers = (status, body) => () => ({ status, headers: [], body: encode(body), durationUs: 1n });

/** @type {(payload: object) => () => never} */
const refuses = (payload) => () => {
  throw Object.assign(new Error(), { payload });
};

/**
 * The verdicts of looks one after the other, each with that answer.
 * @param {((request: Request) => Response)[]} looks
 * @param {Partial<ObserveRequest>} change
 */
function verdicts(looks, change = {}) {
  let memory = first.memory;
  return looks.map((send) => {
    const said = observe({ ...first, ...change, memory }, send);
    memory = said.memory;
    return said.verdict;
  });
}

const well = answers(200, '{"status": "ok"}');
const ill = answers(200, '{"status": "no database"}');

test('three good looks in a row are healthy, and three bad ones failing', () => {
  assert.deepEqual(verdicts([well, well, well, well]), ['inconclusive', 'inconclusive', 'healthy', 'healthy']);
  assert.deepEqual(verdicts([ill, ill, ill]), ['inconclusive', 'inconclusive', 'failing']);
  assert.deepEqual(verdicts([well, well, ill, well, well]), Array(5).fill('inconclusive'));
});

test('no instance is no evidence', () => {
  const candidate = { ...first.candidate, endpoints: [] };
  assert.deepEqual(verdicts([well, well, well, well], { candidate }), Array(4).fill('inconclusive'));
});

test('one instance that is ill is enough, and is named', () => {
  /** @param {Request} request */
  const half = (request) => (request.url.startsWith('http://b/') ? ill(request) : well(request));
  const { reason, findings } = observe(first, half);
  assert.equal(reason, '1 of 2 instances are not well (look 1 of 3)');
  assert.deepEqual(findings.map(({ message }) => message), ['http://b says "no database"']);
});

test('what is no good answer is none', () => {
  for (const send of [answers(503, '{"status": "ok"}'), answers(200, 'ok'), answers(200, 'null'), refuses({ tag: 'timeout' })]) {
    assert.equal(observe({ ...first, config: '{"looks": 1}' }, send).verdict, 'failing');
  }
});

test('a missing grant says nothing about the candidate', () => {
  assert.throws(() => observe(first, refuses({ tag: 'denied', val: 'http://a' })), { tag: 'denied', val: 'net: http://a' });
});

test('a key that nobody knows is a mistake', () => {
  assert.throws(() => settings('{"url": "http://a"}'), { tag: 'invalid-config' });
  assert.equal(settings('{"path": "health"}').path, '/health');
});
