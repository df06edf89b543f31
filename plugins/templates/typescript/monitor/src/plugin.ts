// A monitor: how many of the candidate's requests fail. It is asked every few
// seconds; what it returns as `memory` it gets again at the next look.
import type { Capability, Observation, ObserveRequest } from 'baepo:hooks/monitor@0.1.0';
import { observe, read } from './judge.js';

export const monitor = {
  /** When it can judge; in other phases it is not asked. */
  describe(config: string): Capability {
    read(config);
    return { phases: ['ramp', 'bake'] };
  },
  observe(request: ObserveRequest): Observation {
    return observe(request);
  },
};
