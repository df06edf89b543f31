// What is decided, without anything that only the sandbox has, so that it can be
// tested by node.
/** @import { Decision, Directive, View } from 'baepo:hooks/strategy@0.1.0' */
import { above, invalid, read } from './config.js';
import { u64 } from './engine.js';

/**
 * @typedef {object} Settings What users write under `with:`.
 * @property {number} first How many users meet it first, in percent.
 * @property {number} watch How long each step is watched at most, in seconds.
 *
 * @typedef {object} Step
 * @property {Directive} directive
 * @property {string} reason
 */

/** How often a step is watched before somebody is asked. */
const PATIENCE = 5;

/** Everybody, in basis points. */
const ALL = 10_000;

/**
 * The shares of traffic, in basis points: each twice the one before, and all at the end.
 * @param {number} first
 * @param {number} granularity The smallest step that the target can make.
 */
export function shares(first, granularity) {
  /** @type {number[]} */
  const made = [];
  for (let share = first; share < ALL; share *= 2) {
    const fitting = Math.ceil(share / granularity) * granularity;
    if (fitting < ALL && fitting !== made.at(-1)) made.push(fitting);
  }
  return [...made, ALL];
}

/**
 * @param {View} view
 * @returns {Settings}
 */
function settings({ config, limits }) {
  const settings = read(config, { first: above(0, 99, 5), watch: above(0, 86_400, 120) });
  const most = limits.maxExposureUnjudgedBasisPoints / 100;
  if (settings.first > most) {
    throw invalid({ path: 'first', message: `must be at most ${most}, as \`max-exposure-unjudged\` of the environment says` });
  }
  return settings;
}

/**
 * @param {View} view
 * @returns {Step[]}
 */
function steps(view) {
  const { first, watch } = settings(view);
  const { instances, limits } = view;
  /** @type {Directive} */
  const observe = { tag: 'observe', val: { minMs: u64(watch * 500), maxMs: u64(watch * 1000) } };
  const up = shares(first * 100, limits.weightGranularityBasisPoints).flatMap((share) => {
    const users = `${share / 100} % of users`;
    return [
      { directive: /** @type {Directive} */ ({ tag: 'route', val: share }), reason: `letting ${users} in` },
      { directive: observe, reason: `watching ${users}` },
    ];
  });
  return [
    { directive: { tag: 'scale', val: { stable: instances, candidate: instances } }, reason: 'starting' },
    ...up,
    { directive: { tag: 'finish', val: { keepWarmMs: u64(0) } }, reason: 'the new release is stable' },
  ];
}

/**
 * @param {View} view
 * @returns {Decision}
 */
export function decide(view) {
  const all = steps(view);
  const [step = 0, watched = 0] = view.memory;
  /** @type {(directive: Directive, reason: string, at: number, times: number) => Decision} */
  const answer = (directive, reason, at, times) => ({
    memory: new Uint8Array([at, times]),
    directive,
    progress: { step: at + 1, of: all.length },
    reason,
  });
  const go = (/** @type {number} */ at, times = 0) => {
    const next = all[at] ?? /** @type {Step} */ (all.at(-1));
    return answer(next.directive, next.reason, Math.min(at, all.length - 1), times);
  };
  // The last share, its observation, and the end.
  const everybody = all.length - 3;
  // A person wants all traffic there at once.
  if (view.promoteFull && step > 0 && step < everybody) return go(everybody);
  switch (view.last?.ending) {
    case undefined:
      return go(0);
    case 'reached':
    case 'healthy':
    case 'promoted':
      return go(step + 1);
    case 'resumed':
      return go(step);
    case 'hold-expired':
      return answer({ tag: 'abort', val: 'nobody came' }, 'nobody came', step, watched);
    case 'inconclusive':
      if (watched + 1 < PATIENCE) return go(step, watched + 1);
      return unknown(view, () => go(step + 1), (directive, reason) => answer(directive, reason, step, watched));
  }
}

/**
 * Patience is over and nobody knows: what the environment says is done.
 * @param {View} view
 * @param {() => Decision} goOn
 * @param {(directive: Directive, reason: string) => Decision} answer
 */
function unknown(view, goOn, answer) {
  const reason = `not enough evidence: ${view.judgement?.reason ?? 'no monitor said anything'}`;
  const isWell = view.judgement?.health === 'healthy' && view.judgement.verdict !== 'failing';
  if (view.onNoEvidence === 'continue-on-health' && isWell) return goOn();
  if (view.onNoEvidence === 'abort') return answer({ tag: 'abort', val: reason }, reason);
  return answer({ tag: 'hold', val: { reason, timeoutMs: u64(0) } }, reason);
}
