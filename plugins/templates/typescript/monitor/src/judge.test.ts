import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObserveRequest, Telemetry } from 'baepo:hooks/monitor@0.1.0';
import { observe } from './judge.js';

function look(requests: number, failures: number, memory: Uint8Array = new Uint8Array()): ObserveRequest {
  const revision = { commit: 'c', refName: 'main', summary: 's', committedAtMs: 0n };
  const telemetry: Telemetry = {
    requests: BigInt(requests),
    failures: BigInt(failures),
    latency: { boundsUs: new BigUint64Array(), counts: new BigUint64Array() },
  };
  return {
    config: '{}',
    memory,
    phase: 'ramp',
    window: 1,
    windowElapsedMs: 0n,
    sinceLastLookMs: 0n,
    lastLook: false,
    candidate: { release: { digest: 'd', revision, artifacts: [] }, endpoints: [], telemetry },
    nowMs: 0n,
  };
}

test('few requests prove nothing, and many do', () => {
  const first = observe(look(50, 0));
  assert.equal(first.verdict, 'inconclusive');
  assert.equal(observe(look(50, 0, first.memory)).verdict, 'healthy');
  assert.equal(observe(look(1_000, 30)).verdict, 'failing');
});

test('no request is no evidence', () => {
  assert.equal(observe(look(0, 0)).verdict, 'inconclusive');
});
