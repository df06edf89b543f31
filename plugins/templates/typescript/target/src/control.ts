// The control API of README.md: what is asked, and what its answers mean. Nothing
// here needs the sandbox, so that node can test it.
import type { TargetError } from 'baepo:hooks/target@0.1.0';
import type { HookError } from 'baepo:hooks/types@0.1.0';
import { decode, u64 } from './engine.js';

export interface Question {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Behind the address of the API. */
  path: string;
  json?: unknown;
  /** What is sent instead of JSON. */
  content?: Uint8Array;
  /** Of a call that changes something. */
  token?: bigint;
}

export interface Answer {
  status: number;
  body: Uint8Array;
}

/** One exchange. Throws an error of a hook where there is no answer. */
export type Ask = (question: Question) => Answer;

/** When it may be there again. */
export const LATER: HookError = { tag: 'unavailable', val: u64(2_000) };

/** A good answer; `undefined` for one that nobody knows what was asked for. */
export function asked(ask: Ask, question: Question): Part | undefined {
  const { status, body } = ask(question);
  const text = decode(body);
  if (status === 404) return undefined;
  if (status === 412) throw { tag: 'fenced' } satisfies TargetError;
  if (status === 429 || status >= 500) throw LATER;
  if (status < 200 || status >= 300) throw failed(`answers ${status} to ${question.method} ${question.path}: ${text.slice(0, 200)}`);
  if (text === '') return new Part(undefined, '');
  try {
    return new Part(JSON.parse(text), '');
  } catch {
    throw failed(`answers no JSON to ${question.method} ${question.path}`);
  }
}

/** The same where there has to be something. */
export function known(ask: Ask, question: Question): Part {
  const part = asked(ask, question);
  if (part === undefined) throw failed(`answers 404 to ${question.method} ${question.path}`);
  return part;
}

const failed = (why: string): HookError => ({ tag: 'failed', val: `the control API ${why}`.toWellFormed() });

/**
 * A part of an answer and its place. What it lacks is told by that place; handed on
 * as it is, it would end the call without a word.
 */
export class Part {
  constructor(
    private readonly value: unknown,
    private readonly place: string,
  ) {}

  at(key: string): Part {
    const value = this.value as Record<string, unknown> | null | undefined;
    return new Part(value?.[key], this.place === '' ? key : `${this.place}.${key}`);
  }

  list<T>(read: (part: Part) => T): T[] {
    if (!Array.isArray(this.value)) throw this.not('list');
    return this.value.map((_, index) => read(this.at(String(index))));
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.not('text');
    return this.value.toWellFormed();
  }

  whole(): number {
    if (!Number.isSafeInteger(this.value) || (this.value as number) < 0) throw this.not('whole number');
    return this.value as number;
  }

  long(): bigint {
    return u64(this.whole());
  }

  private not(kind: string): HookError {
    return failed(`says no ${kind} at \`${this.place}\``);
  }
}
