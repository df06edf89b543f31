// A monitor: how many of the candidate's requests fail. It is asked every few
// seconds; what it returns as `memory` it gets again at the next look.
#include "judge.h"

// Whether its settings are right, and when it can judge.
bool exports_baepo_hooks_monitor_describe(string_t *config, capability_t *capability, hook_error_t *error) {
  // What is forgotten is zero, and not what was there before.
  *capability = (capability_t){0};
  *error = (hook_error_t){0};
  bool is_right = describe(*config, capability, error);
  text_free(config);
  return is_right;
}

bool exports_baepo_hooks_monitor_observe(observe_request_t *request, observation_t *observation, hook_error_t *error) {
  *observation = (observation_t){0};
  *error = (hook_error_t){0};
  bool is_judged = observe(request, observation, error);
  exports_baepo_hooks_monitor_observe_request_free(request);
  return is_judged;
}
