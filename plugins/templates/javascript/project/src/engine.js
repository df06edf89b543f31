// What QuickJS, the engine inside the plugin, has differently from node and from
// the generated types. Nothing here needs the sandbox, so that node can test it.
/** @import { HookError } from 'baepo:hooks/types@0.1.0' */

/**
 * A 64-bit integer. QuickJS takes those of an interface as numbers and crashes at
 * a bigint, although the generated types say so.
 * @param {number} number
 */
export const u64 = (number) => /** @type {bigint} */ (/** @type {unknown} */ (Math.round(number)));

/**
 * UTF-8 as text. There is no `TextDecoder`.
 * @param {Uint8Array} bytes
 */
export function decode(bytes) {
  let latin = '';
  // In pieces, for a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) {
    latin += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  try {
    return decodeURIComponent(escape(latin));
  } catch {
    // It is no UTF-8, or cut in the middle of a letter.
    return latin.replace(/[\x80-\xff]/g, '\ufffd');
  }
}

/**
 * A text as UTF-8. There is no `TextEncoder`.
 * @param {string} text
 */
export function encode(text) {
  const latin = unescape(encodeURIComponent(text.toWellFormed()));
  return Uint8Array.from(latin, (letter) => letter.charCodeAt(0));
}

/**
 * The error of an import as it is in wit/, if that is what was thrown.
 * @param {unknown} thrown
 * @returns {{ tag: string, val?: unknown }}
 */
export function refusal(thrown) {
  if (thrown instanceof Error && 'payload' in thrown) return /** @type {{ tag: string }} */ (thrown.payload);
  throw thrown;
}

/**
 * The same function, whose mistakes are told. What is thrown and is no error of
 * wit/types.wit would end the call without a word of what it was.
 * @template {unknown[]} A
 * @template R
 * @param {(...args: A) => R} hook
 * @returns {(...args: A) => R}
 */
export function answering(hook) {
  return (...args) => {
    try {
      return hook(...args);
    } catch (thrown) {
      throw thrown instanceof Error || typeof thrown !== 'object' ? told(thrown) : thrown;
    }
  };
}

/**
 * `TypeError: not a function, at decide (/plugin.js:61:20)`.
 * @param {unknown} thrown
 * @returns {HookError}
 */
function told(thrown) {
  const place = thrown instanceof Error ? thrown.stack?.split('\n').find((line) => line.trim().startsWith('at ')) : undefined;
  const where = place === undefined ? '' : `, ${place.trim()}`;
  if (!(thrown instanceof Error && 'payload' in thrown)) return { tag: 'failed', val: `${thrown}${where}`.toWellFormed() };
  // An import refused it, and nobody caught that.
  const { tag, val } = refusal(thrown);
  return tag === 'denied' ? { tag, val: String(val) } : { tag: 'failed', val: `${tag}${val === undefined ? '' : `: ${val}`}${where}` };
}
