import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedbackRequest, PastRollout, Signal } from 'baepo:hooks/feedback@0.1.0';
import { plain, respond } from './sections.js';

function past(outcome: string, environment = 'production'): PastRollout {
  const revision = { commit: 'c0ffee123456', refName: 'refs/heads/main', summary: 's', committedAtMs: 0n };
  return { revision, environment, outcome, reason: 'errors 4.9 %', startedAtMs: 0n, endedAtMs: 1n };
}

const said = (text: string, kind = 'comment'): Signal => ({ kind, author: 'kim', text, atMs: 0n });

const asked = (request: Partial<FeedbackRequest>) => respond({ config: '{}', rollout: past('succeeded'), signals: [], history: [], ...request });

test('nothing is said where there is nothing to say', () => {
  assert.deepEqual(asked({ history: [past('succeeded')] }), []);
});

test('what was undone is counted in the same environment, and among the last', () => {
  const history = [past('rolled-back', 'staging'), past('rolled-back', 'staging'), past('succeeded'), past('rolled-back'), past('rolled-back')];
  const [section] = asked({ history, config: '{"last": 2}' });
  assert.match(section?.body ?? '', /^1 of the last 2 rollouts of production were undone\.\n.*`c0ffee1`: errors 4\.9 %$/);
});

test('the newest sayings are quoted, and all are counted', () => {
  const [section] = asked({ signals: [said('old'), said('new'), said('👎', 'reaction')], config: '{"quotes": 2}' });
  assert.equal(section?.body, '2 × comment, 1 × reaction. The newest:\n\n- **kim**, comment: new\n- **kim**, reaction: 👎');
});

test('what others wrote is one line, and no Markdown', () => {
  assert.equal(plain('# a\n<b>[x](y)'), '\\# a \\<b\\>\\[x\\]\\(y\\)');
  assert.equal(plain('🎉'.repeat(300)), `${'🎉'.repeat(199)}…`);
});

test('a mistake of the configuration has its place', () => {
  assert.throws(() => asked({ config: '{"last": 0}' }), { tag: 'invalid-config' });
});
