// A strategy: some users first, then all of them. It is asked after each step,
// and has to answer the same to the same view: there is no clock and no chance.
// What it returns as `memory` it gets again at the next call.
#include <stdlib.h>

#include "steps.h"
#include "text.h"

static void log_step(const decision_t *decision) {
  string_t step = text_format("%u", (unsigned)decision->progress.step);
  strategy_plugin_tuple2_string_string_t field = {.f0 = text_of("step"), .f1 = step};
  strategy_plugin_list_tuple2_string_string_t fields = {.ptr = &field, .len = 1};
  // What an import is called with is only lent.
  string_t message = decision->reason;
  baepo_hooks_log_log(BAEPO_HOOKS_LOG_LOG_LEVEL_DEBUG, &message, &fields);
  text_free(&step);
}

bool exports_baepo_hooks_strategy_decide(view_t *view, decision_t *decision, hook_error_t *error) {
  // What `decide` forgets to say is zero, and not what was there before.
  *decision = (decision_t){0};
  *error = (hook_error_t){0};
  bool is_decided = decide(view, decision, error);
  if (is_decided) log_step(decision);
  exports_baepo_hooks_strategy_view_free(view);
  return is_decided;
}
