// What is asked and judged. How it is asked is handed in, so that node can test it.
/** @import { HttpError, Request, Response } from 'baepo:hooks/http@0.1.0' */
/** @import { Finding, Observation, ObserveRequest } from 'baepo:hooks/monitor@0.1.0' */
/** @import { HookError, Verdict } from 'baepo:hooks/types@0.1.0' */
import { count, read, text } from './config.js';
import { decode, refusal, u64 } from './engine.js';

/** How many instances are asked in one look: a call may make 50 requests, and take 10 s. */
const MOST = 16;
/** How long each of them may take, in milliseconds. */
const PATIENCE = 500;
/** The largest answer, in bytes. */
const LARGEST = 64 << 10;

/**
 * What users write under `with:`: the path that answers `{"status": "ok"}`, which
 * key that is and what it says when all is well, and how many looks one after the
 * other have to agree.
 * @param {string} config
 */
export function settings(config) {
  return read(config, { path: path('/healthz'), key: text('status'), well: text('ok'), looks: count(100, 3) });
}

/** @param {string} usual */
function path(usual) {
  return (/** @type {unknown} */ value) => {
    const path = text(usual)(value);
    return path.startsWith('/') ? path : `/${path}`;
  };
}

/**
 * @param {ObserveRequest} request
 * @param {(request: Request) => Response} send
 * @returns {Observation}
 */
export function observe(request, send) {
  const { path, key, well, looks } = settings(request.config);
  const asked = request.candidate.endpoints.slice(0, MOST);
  /** @type {string[]} */
  const ill = [];
  for (const endpoint of asked) {
    const trouble = troubleOf(endpoint + path, key, well, send);
    if (trouble !== undefined) ill.push(`${endpoint} ${trouble}`);
  }
  // Looks in a row that were good and bad, the only thing that is kept.
  const [good = 0, bad = 0] = request.memory;
  const isGood = asked.length > 0 && ill.length === 0;
  const row = { good: isGood ? Math.min(good + 1, looks) : 0, bad: ill.length > 0 ? Math.min(bad + 1, looks) : 0 };
  /** @type {Verdict} */
  const verdict = row.bad >= looks ? 'failing' : row.good >= looks ? 'healthy' : 'inconclusive';
  return {
    memory: new Uint8Array([row.good, row.bad]),
    verdict,
    reason: reason(asked.length, ill.length, row, looks),
    measurements: asked.length === 0 ? [] : [
      {
        name: 'ill instances',
        unit: '',
        candidate: ill.length,
        limit: 0,
        verdict,
        evidence: `${asked.length} asked`,
        samples: [{ atMs: request.windowElapsedMs, candidate: ill.length }],
      },
    ],
    findings: ill.slice(0, 3).map(finding),
  };
}

/**
 * @param {number} asked
 * @param {number} ill
 * @param {{ good: number, bad: number }} row
 * @param {number} looks
 */
function reason(asked, ill, row, looks) {
  // Without evidence nothing is healthy.
  if (asked === 0) return 'there is no instance to ask';
  if (ill > 0) return `${ill} of ${asked} instances are not well (look ${row.bad} of ${looks})`;
  return `${asked} of ${asked} instances are well (look ${row.good} of ${looks})`;
}

/**
 * @param {string} message
 * @returns {Finding}
 */
function finding(message) {
  return { level: 'warning', role: 'candidate', title: 'An instance is not well', message: message.toWellFormed() };
}

/**
 * What is wrong with one instance; `undefined` where it is well.
 * @param {string} url
 * @param {string} key
 * @param {string} well
 * @param {(request: Request) => Response} send
 */
function troubleOf(url, key, well, send) {
  /** @type {Response} */
  let response;
  try {
    const body = new Uint8Array();
    response = send({ method: 'GET', url, headers: [], body, timeoutMs: u64(PATIENCE), limitBytes: u64(LARGEST) });
  } catch (thrown) {
    const error = /** @type {HttpError} */ (refusal(thrown));
    // A missing grant and a used-up limit say nothing about the instance.
    if (error.tag === 'denied') throw /** @type {HookError} */ ({ tag: 'denied', val: `net: ${error.val}` });
    if (error.tag === 'limit') throw /** @type {HookError} */ ({ tag: 'failed', val: `net: ${error.val}` });
    return error.tag === 'timeout' ? 'does not answer in time' : `does not answer: ${error.tag}`;
  }
  if (response.status !== 200) return `answers ${response.status}`;
  try {
    const said = JSON.parse(decode(response.body))?.[key];
    return said === well ? undefined : `says ${JSON.stringify(said)?.slice(0, 100)}`;
  } catch {
    return 'answers no JSON';
  }
}
