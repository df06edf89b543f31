// What QuickJS, the engine inside the plugin, has differently from node and from
// the generated types. Nothing here needs the sandbox, so that node can test it.
import type { HookError } from 'baepo:hooks/types@0.1.0';

/**
 * A 64-bit integer. QuickJS takes those of an interface as numbers and crashes at
 * a bigint, although the generated types say so.
 */
export const u64 = (number: number): bigint => Math.round(number) as unknown as bigint;

/** Each byte as the letter of its number, as `btoa` takes them. */
export function latin(bytes: Uint8Array): string {
  let text = '';
  // In pieces, for a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

/** The bytes of such letters. */
export function unlatin(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** UTF-8 as text. There is no `TextDecoder`. */
export function decode(bytes: Uint8Array): string {
  const text = latin(bytes);
  try {
    return decodeURIComponent(escape(text));
  } catch {
    // It is no UTF-8, or cut in the middle of a letter.
    return text.replace(/[\x80-\xff]/g, '\ufffd');
  }
}

/** A text as UTF-8. There is no `TextEncoder`. */
export function encode(text: string): Uint8Array {
  return unlatin(unescape(encodeURIComponent(text.toWellFormed())));
}

/** Errors of imports, as they are in wit/. */
export interface Refusal {
  tag: string;
  val?: unknown;
}

/** The error of an import, if that is what was thrown. */
export function refusal<E extends Refusal>(thrown: unknown): E {
  if (thrown instanceof Error && 'payload' in thrown) return thrown.payload as E;
  throw thrown;
}

/** The same in the words of a hook: that `read: a` is not granted is told from all else. */
export function refused(thrown: unknown, what: string): HookError {
  const { tag, val } = refusal(thrown);
  if (tag === 'denied') return { tag, val: what };
  return { tag: 'failed', val: `${what}: ${val === undefined ? tag : `${tag}, ${val}`}` };
}

/**
 * The same function, whose mistakes are told. What is thrown and is no error of
 * wit/types.wit would end the call without a word of what it was.
 */
export function answering<A extends unknown[], R>(hook: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return hook(...args);
    } catch (thrown) {
      throw thrown instanceof Error || typeof thrown !== 'object' ? told(thrown) : thrown;
    }
  };
}

/** `TypeError: not a function, at decide (/plugin.js:61:20)`. */
function told(thrown: unknown): HookError {
  const place = thrown instanceof Error ? thrown.stack?.split('\n').find((line) => line.trim().startsWith('at ')) : undefined;
  const where = place === undefined ? '' : `, ${place.trim()}`;
  if (!(thrown instanceof Error && 'payload' in thrown)) return { tag: 'failed', val: `${thrown}${where}`.toWellFormed() };
  // An import refused it, and nobody caught that.
  const { tag, val } = refusal(thrown);
  return tag === 'denied' ? { tag, val: String(val) } : { tag: 'failed', val: `${tag}${val === undefined ? '' : `: ${val}`}${where}` };
}
