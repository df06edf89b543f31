// What users write under `with:`. All mistakes are collected, each with its place.
/** @import { ConfigProblem, HookError } from 'baepo:hooks/types@0.1.0' */

/** What is wrong with a key and what is expected, as a lower-case fragment. */
export class Mistake extends Error {}

/**
 * Errors of a hook are thrown as they are in wit/types.wit.
 * @param {ConfigProblem[]} problems
 * @returns {HookError}
 */
export function invalid(...problems) {
  return { tag: 'invalid-config', val: problems };
}

/**
 * The settings of these keys; a key that is not among them is a mistake. Each key
 * is read by a function that gets `undefined` where it is not written, and throws
 * a `Mistake`.
 * @template {object} T
 * @param {string} config
 * @param {{ [K in keyof T]: (value: unknown) => T[K] }} keys
 * @returns {T}
 */
export function read(config, keys) {
  /** @type {Record<string, unknown>} */
  const given = JSON.parse(config);
  /** @type {ConfigProblem[]} */
  const problems = [];
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(keys, key)) {
      const known = Object.keys(keys).map((name) => `\`${name}\``);
      problems.push({ path: key, message: `unknown key: there are ${known.join(', ')}` });
    }
  }
  const settings = /** @type {Partial<T>} */ ({});
  for (const key of /** @type {(keyof T & string)[]} */ (Object.keys(keys))) {
    try {
      settings[key] = keys[key](given[key]);
    } catch (wrong) {
      if (!(wrong instanceof Mistake)) throw wrong;
      problems.push({ path: key, message: wrong.message });
    }
  }
  if (problems.length > 0) throw invalid(...problems);
  return /** @type {T} */ (settings);
}

/** @param {string} usual */
export function text(usual) {
  return (/** @type {unknown} */ value = usual) => {
    if (typeof value !== 'string' || value === '') throw new Mistake('must be a text');
    return value;
  };
}

/**
 * A number above `floor` and at most `most`.
 * @param {number} floor
 * @param {number} most
 * @param {number} usual
 */
export function above(floor, most, usual) {
  return (/** @type {unknown} */ value = usual) => {
    if (typeof value !== 'number' || value <= floor || value > most) {
      throw new Mistake(`must be a number above ${floor}, and at most ${most}`);
    }
    return value;
  };
}

/**
 * A whole number from 1 to `most`.
 * @param {number} most
 * @param {number} usual
 */
export function count(most, usual) {
  return (/** @type {unknown} */ value = usual) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
      throw new Mistake(`must be a whole number from 1 to ${most}`);
    }
    return value;
  };
}
