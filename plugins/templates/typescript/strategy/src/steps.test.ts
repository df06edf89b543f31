import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ending, View } from 'baepo:hooks/strategy@0.1.0';
import { decide } from './steps.js';

const first: View = {
  config: '{"share": 25}',
  instances: 4,
  limits: {
    maxSurge: 4,
    maxUnavailable: 0,
    maxExposureUnjudgedBasisPoints: 10_000,
    allowDowntime: false,
    weightGranularityBasisPoints: 1,
  },
  onNoEvidence: 'hold',
  memory: new Uint8Array(),
  fleet: {
    stable: { asked: 4, ready: 4, starting: 0, draining: 0, restarts: 0 },
    candidate: { asked: 0, ready: 0, starting: 0, draining: 0, restarts: 0 },
  },
  weightBasisPoints: 0,
  elapsedMs: 0n,
  decisions: 0,
  promoteFull: false,
};

/** All directives, where windows end like this. */
function rollout(window: Ending): string[] {
  const seen: string[] = [];
  let view = first;
  for (let n = 0; n < 100; n++) {
    const { directive, memory } = decide(view);
    seen.push(directive.tag);
    if (directive.tag === 'finish' || directive.tag === 'abort') return seen;
    const ending = { observe: window, hold: 'hold-expired' as const, scale: 'reached' as const, route: 'reached' as const };
    view = { ...first, memory, last: { directive, ending: ending[directive.tag], tookMs: 1n } };
  }
  throw new Error('it never ends');
}

test('a good release gets to everybody', () => {
  assert.deepEqual(rollout('healthy'), ['scale', 'route', 'observe', 'route', 'observe', 'finish']);
});

test('nobody knowing is not going on', () => {
  const seen = rollout('inconclusive');
  assert.deepEqual(seen.slice(-2), ['hold', 'abort']);
  assert.equal(seen.filter((tag) => tag === 'route').length, 1);
});

test('a key that nobody knows is a mistake', () => {
  assert.throws(() => decide({ ...first, config: '{"shares": 25}' }), { tag: 'invalid-config' });
});
