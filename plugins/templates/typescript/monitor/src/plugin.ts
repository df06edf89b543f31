// A monitor: how many of the candidate's requests fail. It is asked every few
// seconds; what it returns as `memory` it gets again at the next look.
import type { Capability, Observation, ObserveRequest } from 'baepo:hooks/monitor@0.1.0';
import { answering } from './engine.js';
import { observe, settings } from './judge.js';

export const monitor = {
  /** When it can judge; in other phases it is not asked. */
  describe: answering((config: string): Capability => {
    settings(config);
    return { phases: ['ramp', 'bake'] };
  }),
  observe: answering((request: ObserveRequest): Observation => observe(request)),
};
