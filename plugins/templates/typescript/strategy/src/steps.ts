// What is decided, without anything that only the sandbox has, so that it can be
// tested by node.
import type { Decision, Directive, View } from 'baepo:hooks/strategy@0.1.0';
import { above, read } from './config.js';
import { u64 } from './engine.js';

/** What users write under `with:`. */
interface Settings {
  /** How many users meet it first, in percent. */
  share: number;
  /** How long each step is watched at most, in seconds. */
  watch: number;
}

/** How often a step is watched before somebody is asked. */
const PATIENCE = 10;

interface Step {
  directive: Directive;
  reason: string;
}

function settings(config: string): Settings {
  // All users are no step: they come last by themselves.
  return read<Settings>(config, { share: above(0, 99, 10), watch: above(0, 86_400, 120) });
}

function steps({ share, watch }: Settings, instances: number): Step[] {
  const observe: Directive = { tag: 'observe', val: { minMs: u64(watch * 500), maxMs: u64(watch * 1000) } };
  return [
    { directive: { tag: 'scale', val: { stable: instances, candidate: instances } }, reason: 'starting' },
    { directive: { tag: 'route', val: Math.max(1, Math.round(share * 100)) }, reason: `letting ${share} % of users in` },
    { directive: observe, reason: 'watching the first users' },
    { directive: { tag: 'route', val: 10_000 }, reason: 'letting everybody in' },
    { directive: observe, reason: 'watching all traffic' },
    { directive: { tag: 'finish', val: { keepWarmMs: u64(0) } }, reason: 'the new release is stable' },
  ];
}

export function decide(view: View): Decision {
  const all = steps(settings(view.config), view.instances);
  const [step = 0, watched = 0] = view.memory;
  const answer = (directive: Directive, reason: string, at: number, times: number): Decision => ({
    memory: new Uint8Array([at, times]),
    directive,
    progress: { step: Math.min(at + 1, all.length), of: all.length },
    reason,
  });
  const go = (at: number, times = 0): Decision => {
    const next = all[Math.min(at, all.length - 1)]!;
    return answer(next.directive, next.reason, at, times);
  };
  const everybody = all.findIndex(({ directive }) => directive.tag === 'route' && directive.val === 10_000);
  // A person wants all traffic there at once.
  if (view.promoteFull && step < everybody && step > 0) return go(everybody);
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

/** Patience is over and nobody knows: what the environment says is done. */
function unknown(
  view: View,
  goOn: () => Decision,
  answer: (directive: Directive, reason: string) => Decision,
): Decision {
  const reason = `not enough evidence: ${view.judgement?.reason ?? 'no monitor said anything'}`;
  const isWell = view.judgement?.health === 'healthy' && view.judgement.verdict !== 'failing';
  if (view.onNoEvidence === 'continue-on-health' && isWell) return goOn();
  if (view.onNoEvidence === 'abort') return answer({ tag: 'abort', val: reason }, reason);
  return answer({ tag: 'hold', val: { reason, timeoutMs: u64(0) } }, reason);
}
