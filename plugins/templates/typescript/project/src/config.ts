// What users write under `with:`. All mistakes are collected, each with its place.
import type { ConfigProblem, HookError } from 'baepo:hooks/types@0.1.0';

/** Reads one key, `undefined` where it is not written; throws a `Mistake`. */
export type Reader<T> = (value: unknown) => T;

/** What is wrong with a key and what is expected, as a lower-case fragment. */
export class Mistake extends Error {}

/** Errors of a hook are thrown as they are in wit/types.wit. */
export function invalid(...problems: ConfigProblem[]): HookError {
  return { tag: 'invalid-config', val: problems };
}

/** The settings of these keys; a key that is not among them is a mistake. */
export function read<T extends object>(config: string, keys: { [K in keyof T]: Reader<T[K]> }): T {
  const given = JSON.parse(config) as Record<string, unknown>;
  const problems: ConfigProblem[] = [];
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(keys, key)) {
      const known = Object.keys(keys).map((name) => `\`${name}\``);
      problems.push({ path: key, message: `unknown key: there are ${known.join(', ')}` });
    }
  }
  const settings: Partial<T> = {};
  for (const key of Object.keys(keys) as (keyof T & string)[]) {
    try {
      settings[key] = keys[key](given[key]);
    } catch (wrong) {
      if (!(wrong instanceof Mistake)) throw wrong;
      problems.push({ path: key, message: wrong.message });
    }
  }
  if (problems.length > 0) throw invalid(...problems);
  return settings as T;
}

/** Absent where it is not written. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : reader(value));
}

/** Without `usual` it has to be written. */
export function text(usual?: string): Reader<string> {
  return (value = usual) => {
    if (typeof value !== 'string' || value === '') throw new Mistake('must be a text');
    return value;
  };
}

export function texts(usual: string[]): Reader<string[]> {
  return (value = usual) => {
    const isText = (one: unknown) => typeof one === 'string' && one !== '';
    if (!Array.isArray(value) || !value.every(isText)) throw new Mistake('must be a list of texts');
    return value as string[];
  };
}

/** A program and its arguments. */
export function command(usual: string[]): Reader<string[]> {
  return (value) => {
    const argv = texts(usual)(value);
    if (argv.length === 0) throw new Mistake('must begin with a program');
    return argv;
  };
}

/** A number above `floor` and at most `most`. */
export function above(floor: number, most: number, usual: number): Reader<number> {
  return (value = usual) => {
    if (typeof value !== 'number' || value <= floor || value > most) {
      throw new Mistake(`must be a number above ${floor}, and at most ${most}`);
    }
    return value;
  };
}

/** A whole number from 1 to `most`. */
export function count(most: number, usual: number): Reader<number> {
  return (value = usual) => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > most) {
      throw new Mistake(`must be a whole number from 1 to ${most}`);
    }
    return value as number;
  };
}
