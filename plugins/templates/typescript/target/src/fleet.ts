// All that a target does, by a control API and a document of the host. Both are
// handed in, so that node can test it.
import type { Instances, Share, TargetError } from 'baepo:hooks/target@0.1.0';
import type { HookError } from 'baepo:hooks/types@0.1.0';
import { Mistake, optional, read, text } from './config.js';
import { type Ask, asked, known, type Part } from './control.js';
import { answering } from './engine.js';
import type { State } from './state.js';

/** What users write under `with:`. */
export interface Settings {
  /** The address of the control API. */
  url: string;
  /** The name of the secret that it asks for; absent where it asks for none. */
  secret: string | undefined;
}

export function settings(config: string): Settings {
  return read<Settings>(config, { url: address, secret: optional(text()) });
}

function address(value: unknown = 'http://127.0.0.1:7070'): string {
  const url = text()(value);
  if (!/^https?:\/\/[^/?#]/.test(url)) throw new Mistake('must begin with `http://` or `https://`');
  return url.replace(/\/+$/, '');
}

/** The functions of wit/target.wit; `reach` is how the API is asked. */
export function fleet(reach: (settings: Settings) => Ask, state: State): typeof import('baepo:hooks/target@0.1.0') {
  const api = (config: string): Ask => reach(settings(config));
  /** An older token may not even ask. The API gets it too: a newer one may come between this look and its act. */
  const change = (config: string, token: bigint, question: Parameters<Ask>[0]): void => {
    const ask = api(config);
    state.admit(token);
    // What is gone already need not be discarded; for all else the API has to know it.
    (question.method === 'DELETE' ? asked : known)(ask, { ...question, token });
  };
  return {
    describe: target((config) => ({
      name: `instances of ${settings(config).url}`,
      weightGranularityBasisPoints: 1,
      hasWatchdog: false,
      hasTelemetry: true,
    })),
    missing: target((config, sha256) => {
      const question = { method: 'POST', path: '/v1/contents/missing', json: { sha256 } } as const;
      return known(api(config), question).at('missing').list((one) => one.text());
    }),
    upload: target((config, token, sha256, content) => {
      change(config, token, { method: 'PUT', path: `/v1/contents/${sha256}`, content });
    }),
    stage: target((config, token, release, manifest) => {
      const artifacts = release.artifacts.map(({ name, sha256 }) => ({ name, sha256 }));
      const json = { commit: release.revision.commit, artifacts, manifest: JSON.parse(manifest) };
      change(config, token, { method: 'PUT', path: `/v1/releases/${release.digest}`, json });
    }),
    observe: target((config) => {
      const told = known(api(config), { method: 'GET', path: '/v1/fleet' });
      return { instances: told.at('instances').list(instances), route: told.at('route').list(share) };
    }),
    scale: target((config, token, digest, instances) => {
      change(config, token, { method: 'PUT', path: `/v1/releases/${digest}/instances`, json: { instances } });
    }),
    route: target((config, token, shares) => {
      const route = shares.map((one) => ({ digest: one.digest, 'weight-basis-points': one.weightBasisPoints }));
      change(config, token, { method: 'PUT', path: '/v1/route', json: { route } });
    }),
    telemetry: target((config, digest) => {
      const told = asked(api(config), { method: 'GET', path: `/v1/releases/${digest}/telemetry` });
      if (told === undefined) return undefined;
      const numbers = (part: Part) => BigUint64Array.from(part.list((one) => BigInt(one.whole())));
      const latency = { boundsUs: numbers(told.at('bounds-us')), counts: numbers(told.at('counts')) };
      return { requests: told.at('requests').long(), failures: told.at('failures').long(), latency };
    }),
    logs: target((config, digest, limitLines) => {
      const told = known(api(config), { method: 'GET', path: `/v1/releases/${digest}/logs?limit=${limitLines}` });
      const lines = told.at('lines').list((line) => ({
        atMs: line.at('at-ms').long(),
        instance: line.at('instance').text(),
        text: line.at('text').text(),
      }));
      return lines.slice(Math.max(0, lines.length - limitLines));
    }),
    discard: target((config, token, digest) => {
      change(config, token, { method: 'DELETE', path: `/v1/releases/${digest}` });
    }),
    loadState: target((config) => {
      settings(config);
      return state.load();
    }),
    saveState: target((config, expectedVersion, bytes) => {
      settings(config);
      return state.save(expectedVersion, bytes);
    }),
  };
}

function instances(one: Part): Instances {
  return {
    digest: one.at('digest').text(),
    asked: one.at('asked').whole(),
    ready: one.at('ready').whole(),
    starting: one.at('starting').whole(),
    draining: one.at('draining').whole(),
    restarts: one.at('restarts').long(),
    endpoints: one.at('endpoints').list((endpoint) => endpoint.text()),
  };
}

const share = (one: Part): Share => ({
  digest: one.at('digest').text(),
  weightBasisPoints: one.at('weight-basis-points').whole(),
});

/** Errors of a target are two of its own, and those that every hook has in a `hook`. */
function target<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return answering(call)(...args);
    } catch (thrown) {
      const error = thrown as TargetError | HookError;
      throw error.tag === 'fenced' || error.tag === 'conflict' ? error : { tag: 'hook', val: error };
    }
  };
}
