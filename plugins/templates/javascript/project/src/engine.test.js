import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, text } from './config.js';
import { answering, decode, encode, refusal } from './engine.js';

test('text is the same after UTF-8', () => {
  for (const text of ['', 'grün 🎉', 'x'.repeat(10_000)]) assert.equal(decode(encode(text)), text);
  // Half of a pair has no UTF-8.
  assert.equal(decode(encode('a\ud800')), 'a\ufffd');
  assert.equal(decode(new Uint8Array([0x61, 0xff])), 'a\ufffd');
});

test('a mistake is told with its place, and an error of the hook stays as it is', () => {
  const broken = answering(() => JSON.parse('no JSON'));
  assert.throws(broken, (/** @type {any} */ error) => error.tag === 'failed' && /^SyntaxError: .*, at /.test(error.val));
  const refusing = answering(() => {
    throw { tag: 'denied', val: 'read: a' };
  });
  assert.throws(refusing, { tag: 'denied', val: 'read: a' });
});

test('what nobody caught is told too', () => {
  const throwing = (/** @type {unknown} */ thrown) => answering(() => {
    throw thrown;
  });
  const refusal = (/** @type {object} */ payload) => Object.assign(new Error(), { payload });
  assert.throws(throwing('a text'), { tag: 'failed', val: 'a text' });
  assert.throws(throwing(refusal({ tag: 'denied', val: 'make' })), { tag: 'denied', val: 'make' });
  assert.throws(throwing(refusal({ tag: 'timeout' })), (/** @type {any} */ error) => /^timeout, at /.test(error.val));
});

test('the error of an import is what stands in wit/', () => {
  const thrown = Object.assign(new Error(), { payload: { tag: 'timeout' } });
  assert.deepEqual(refusal(thrown), { tag: 'timeout' });
  assert.throws(() => refusal(new TypeError('mine')), TypeError);
});

test('all mistakes of a configuration are told at once', () => {
  assert.throws(() => read('{"paths": "/a", "path": 5}', { path: text('/') }), {
    tag: 'invalid-config',
    val: [
      { path: 'paths', message: 'unknown key: there are `path`' },
      { path: 'path', message: 'must be a text' },
    ],
  });
});
