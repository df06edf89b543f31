// A target: instances that a control API starts and routes. The API is that of
// README.md; change src/fleet.ts to speak yours.
import { type HttpError, type Request, send } from 'baepo:hooks/http@0.1.0';
import { open } from 'baepo:hooks/secrets@0.1.0';
import { load, save } from 'baepo:hooks/store@0.1.0';
import { type Answer, type Ask, LATER } from './control.js';
import { encode, refusal, refused, u64 } from './engine.js';
import { fleet, type Settings } from './fleet.js';
import { State } from './state.js';

/** Below the ten seconds that a call of a target may take. */
const TIMEOUT = u64(8_000);

function reach({ url, secret }: Settings): Ask {
  return ({ method, path, json, content, token }): Answer => {
    const headers: Request['headers'] = [];
    const body = content ?? (json === undefined ? new Uint8Array() : encode(JSON.stringify(json)));
    const type = content === undefined ? 'application/json' : 'application/octet-stream';
    if (body.length > 0) headers.push(['content-type', { tag: 'plain', val: type }]);
    if (token !== undefined) headers.push(['baepo-token', { tag: 'plain', val: String(token) }]);
    try {
      if (secret !== undefined) headers.push(['authorization', { tag: 'secret', val: ['Bearer ', open(secret)] }]);
    } catch (thrown) {
      throw refused(thrown, `secrets: ${secret}`);
    }
    try {
      return send({ method, url: url + path, headers, body, timeoutMs: TIMEOUT });
    } catch (thrown) {
      const away: HttpError['tag'][] = ['connect', 'timeout', 'failed'];
      throw away.includes(refusal<HttpError>(thrown).tag) ? LATER : refused(thrown, `net: ${url}`);
    }
  };
}

export const target = fleet(reach, new State({ load, save }));
