// What is judged, without anything that only the sandbox has, so that it can be
// tested by node.
import type { Observation, ObserveRequest } from 'baepo:hooks/monitor@0.1.0';
import type { Verdict } from 'baepo:hooks/types@0.1.0';
import { above, count, read } from './config.js';
import { decode, encode } from './engine.js';

/** What users write under `with:`. */
interface Settings {
  /** How many of a hundred requests may fail. */
  limit: number;
  /** Fewer requests than this prove nothing. */
  least: number;
}

export function settings(config: string): Settings {
  return read<Settings>(config, { limit: above(0, 100, 1), least: count(1_000_000, 100) });
}

/** What is kept between two looks. */
interface Sums {
  requests: number;
  failures: number;
}

function load(memory: Uint8Array): Sums {
  if (memory.length === 0) return { requests: 0, failures: 0 };
  return JSON.parse(decode(memory)) as Sums;
}

export function observe(request: ObserveRequest): Observation {
  const { limit, least } = settings(request.config);
  const seen = request.candidate.telemetry;
  const sums = load(request.memory);
  // QuickJS hands 64-bit integers over as numbers, node's tests as what is written.
  sums.requests += Number(seen?.requests ?? 0);
  sums.failures += Number(seen?.failures ?? 0);
  const memory = encode(JSON.stringify(sums));
  if (sums.requests === 0) {
    // Without evidence nothing is healthy.
    return { memory, verdict: 'inconclusive', reason: 'nobody has asked the candidate yet', measurements: [], findings: [] };
  }
  const rate = (sums.failures * 100) / sums.requests;
  const verdict: Verdict = sums.requests < least ? 'inconclusive' : rate > limit ? 'failing' : 'healthy';
  const evidence = `${sums.requests} requests`;
  return {
    memory,
    verdict,
    reason: `${rate.toFixed(2)} % of ${evidence} failed`,
    measurements: [
      { name: 'failures', unit: '%', candidate: rate, limit, verdict, evidence, samples: [{ atMs: request.windowElapsedMs, candidate: rate }] },
    ],
    findings: [],
  };
}
