// What is judged, without anything that only the sandbox has, so that it can be
// tested by node.
import type { Observation, ObserveRequest } from 'baepo:hooks/monitor@0.1.0';
import type { HookError, Verdict } from 'baepo:hooks/types@0.1.0';

/** What users write under `with:`. */
interface Settings {
  /** How many of a hundred requests may fail. */
  limit: number;
  /** Fewer requests than this prove nothing. */
  least: number;
}

const USUAL: Settings = { limit: 1, least: 100 };

/** Errors of a hook are thrown as they are in wit/types.wit. */
function invalid(path: string, message: string): HookError {
  return { tag: 'invalid-config', val: [{ path, message }] };
}

export function read(config: string): Settings {
  const given = JSON.parse(config) as Record<string, unknown>;
  const settings = { ...USUAL };
  for (const [key, value] of Object.entries(given)) {
    if (key !== 'limit' && key !== 'least') throw invalid(key, 'unknown key: there are `limit` and `least`');
    if (typeof value !== 'number' || value <= 0) throw invalid(key, 'must be a number above 0');
    settings[key] = value;
  }
  return settings;
}

/** What is kept between two looks. */
interface Sums {
  requests: number;
  failures: number;
}

function load(memory: Uint8Array): Sums {
  if (memory.length === 0) return { requests: 0, failures: 0 };
  const text = String.fromCharCode(...memory);
  return JSON.parse(text) as Sums;
}

function save(sums: Sums): Uint8Array {
  return Uint8Array.from(JSON.stringify(sums), (letter) => letter.charCodeAt(0));
}

export function observe(request: ObserveRequest): Observation {
  const { limit, least } = read(request.config);
  const seen = request.candidate.telemetry;
  const sums = load(request.memory);
  // QuickJS hands 64-bit integers over as numbers, node's tests as what is written.
  sums.requests += Number(seen?.requests ?? 0);
  sums.failures += Number(seen?.failures ?? 0);
  const memory = save(sums);
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
