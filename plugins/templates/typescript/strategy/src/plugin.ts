// A strategy: some users first, then all of them. It is asked after each step,
// and has to answer the same to the same view: there is no clock and no chance.
// What it returns as `memory` it gets again at the next call.
import { log } from 'baepo:hooks/log@0.1.0';
import type { Decision, View } from 'baepo:hooks/strategy@0.1.0';
import { answering } from './engine.js';
import { decide } from './steps.js';

export const strategy = {
  decide: answering((view: View): Decision => {
    const decision = decide(view);
    log('debug', decision.reason, [['step', String(decision.progress.step)]]);
    return decision;
  }),
};
