// What is told, without anything that only the sandbox has, so that it can be
// tested by node.
import type { FeedbackRequest, PastRollout, Section, Signal } from 'baepo:hooks/feedback@0.1.0';
import { count, read } from './config.js';

/** What users write under `with:`. */
interface Settings {
  /** How many earlier rollouts of the environment are looked back at. */
  last: number;
  /** How many of the newest sayings are quoted. */
  quotes: number;
}

/** Letters of a saying, and of a reason, that are shown. */
const LONGEST = 200;

export function respond(request: FeedbackRequest): Section[] {
  const { last, quotes } = read<Settings>(request.config, { last: count(1_000, 10), quotes: count(20, 5) });
  const here = request.history.filter(({ environment }) => environment === request.rollout.environment);
  return [...people(request.signals, quotes), ...before(here.slice(0, last), request.rollout.environment)];
}

/** Nothing is said where nobody said anything. */
function people(signals: Signal[], quotes: number): Section[] {
  if (signals.length === 0) return [];
  const counts = new Map<string, number>();
  for (const { kind } of signals) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const summary = [...counts].map(([kind, number]) => `${number} × ${kind}`).join(', ');
  const lines = signals.slice(-quotes).map(({ author, kind, text }) => `- **${plain(author)}**, ${plain(kind)}: ${plain(text)}`);
  return [{ title: 'What people said', body: [`${summary}. The newest:`, '', ...lines].join('\n') }];
}

/** Nothing is said where all of it went well. */
function before(history: PastRollout[], environment: string): Section[] {
  const undone = history.filter(({ outcome }) => outcome === 'rolled-back');
  const newest = undone[0];
  if (newest === undefined) return [];
  const body = [
    `${undone.length} of the last ${history.length} rollouts of ${plain(environment)} were undone.`,
    `The newest of them, \`${newest.revision.commit.slice(0, 7)}\`: ${plain(newest.reason)}`,
  ];
  return [{ title: 'How it went before', body: body.join('\n') }];
}

/** Others wrote it: one short line of text, and nothing that Markdown or HTML understands. */
export function plain(text: string): string {
  // Not `slice`, which may leave half of a letter, and that has no UTF-8.
  const letters = [...text.replace(/\s+/g, ' ').trim()];
  const short = letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join('')}…` : letters.join('');
  return short.replace(/[\\`*_[\]()<>#|~!]/g, '\\$&');
}
