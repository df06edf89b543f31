import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering, decode, encode, refused } from './engine.js';

test('text is the same after UTF-8', () => {
  for (const text of ['', 'grün 🎉', 'x'.repeat(10_000)]) assert.equal(decode(encode(text)), text);
  // Half of a pair has no UTF-8.
  assert.equal(decode(encode('a\ud800')), 'a\ufffd');
  assert.equal(decode(new Uint8Array([0x61, 0xff])), 'a\ufffd');
});

test('a mistake is told with its place, and an error of the hook stays as it is', () => {
  const broken = answering(() => (undefined as unknown as () => void)());
  assert.throws(broken, (error: { tag: string; val: string }) => error.tag === 'failed' && /TypeError: .*, at /.test(error.val));
  const refusing = answering(() => {
    throw { tag: 'denied', val: 'read a' };
  });
  assert.throws(refusing, { tag: 'denied', val: 'read a' });
});

test('what nobody caught is told too', () => {
  const throwing = (thrown: unknown) => answering(() => {
    throw thrown;
  });
  const refusal = (payload: object) => Object.assign(new Error(), { payload });
  assert.throws(throwing('a text'), { tag: 'failed', val: 'a text' });
  assert.throws(throwing(refusal({ tag: 'denied', val: 'make' })), { tag: 'denied', val: 'make' });
  assert.throws(throwing(refusal({ tag: 'timeout' })), (error: { val: string }) => /^timeout, at /.test(error.val));
});

test('the error of an import is put into the words of a hook', () => {
  const thrown = (payload: object) => Object.assign(new Error(), { payload });
  assert.deepEqual(refused(thrown({ tag: 'denied', val: 'make' }), 'run: make'), { tag: 'denied', val: 'run: make' });
  assert.deepEqual(refused(thrown({ tag: 'too-large', val: 3 }), 'read: a'), { tag: 'failed', val: 'read: a: too-large, 3' });
  assert.deepEqual(refused(thrown({ tag: 'timeout' }), 'run: make'), { tag: 'failed', val: 'run: make: timeout' });
  assert.throws(() => refused(new TypeError('mine'), 'run: make'), TypeError);
});
