// A monitor: what the instances of the candidate say of themselves. It is asked
// every few seconds; what it returns as `memory` it gets again at the next look.
/** @import { ObserveRequest } from 'baepo:hooks/monitor@0.1.0' */
import { send } from 'baepo:hooks/http@0.1.0';
import { answering } from './engine.js';
import { observe, settings } from './health.js';

export const monitor = {
  /** When it can judge; in other phases it is not asked. */
  describe: answering((/** @type {string} */ config) => {
    settings(config);
    return { phases: /** @type {const} */ (['preview', 'ramp', 'bake']).slice() };
  }),
  observe: answering((/** @type {ObserveRequest} */ request) => observe(request, send)),
};
