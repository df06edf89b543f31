/** @import { Ending, View } from 'baepo:hooks/strategy@0.1.0' */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, shares } from './steps.js';

const nobody = { asked: 0, ready: 0, starting: 0, draining: 0, restarts: 0 };
/** @type {View} */
const first = {
  config: '{"first": 20}',
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
  fleet: { stable: { ...nobody, asked: 4, ready: 4 }, candidate: nobody },
  weightBasisPoints: 0,
  elapsedMs: 0n,
  decisions: 0,
  promoteFull: false,
};

/**
 * All directives, where windows end like this.
 * @param {Ending} window
 * @param {Partial<View>} change
 */
function rollout(window, change = {}) {
  const seen = [];
  let view = { ...first, ...change };
  for (let n = 0; n < 100; n++) {
    const { directive, memory } = decide(view);
    seen.push(directive.tag === 'route' ? directive.val / 100 : directive.tag);
    if (directive.tag === 'finish' || directive.tag === 'abort') return seen;
    /** @type {Record<typeof directive.tag, Ending>} */
    const ending = { observe: window, hold: 'hold-expired', scale: 'reached', route: 'reached' };
    view = { ...first, ...change, memory, last: { directive, ending: ending[directive.tag], tookMs: 1n } };
  }
  throw new Error('it never ends');
}

test('a good release gets to everybody, twice as many each time', () => {
  const watched = [20, 40, 80, 100].flatMap((share) => [share, 'observe']);
  assert.deepEqual(rollout('healthy'), ['scale', ...watched, 'finish']);
});

test('nobody knowing is not going on', () => {
  const seen = rollout('inconclusive');
  assert.deepEqual(seen.slice(-2), ['hold', 'abort']);
  assert.deepEqual(seen.filter((one) => typeof one === 'number'), [20]);
  assert.equal(rollout('inconclusive', { onNoEvidence: 'abort' }).includes('hold'), false);
});

test('who wants all of it gets everybody, and then it is watched', () => {
  const memory = new Uint8Array([1, 0]);
  const last = /** @type {const} */ ({ directive: { tag: 'route', val: 2_000 }, ending: 'reached', tookMs: 1n });
  const { directive, progress } = decide({ ...first, memory, last, promoteFull: true });
  assert.deepEqual(directive, { tag: 'route', val: 10_000 });
  assert.deepEqual(progress, { step: 8, of: 10 });
});

test('shares are such as the target can make', () => {
  assert.deepEqual(shares(100, 1), [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000]);
  assert.deepEqual(shares(100, 2_500), [2_500, 5_000, 7_500, 10_000]);
  assert.deepEqual(shares(100, 10_000), [10_000]);
});

test('mistakes are those of the configuration', () => {
  assert.throws(() => decide({ ...first, config: '{"share": 25}' }), { tag: 'invalid-config' });
  const limits = { ...first.limits, maxExposureUnjudgedBasisPoints: 500 };
  assert.throws(() => decide({ ...first, limits }), { tag: 'invalid-config' });
});
