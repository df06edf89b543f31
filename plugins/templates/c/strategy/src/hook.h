// Short names for what baepo/strategy_plugin.h declares, which is made of wit/.
#ifndef HOOK_H
#define HOOK_H

#include "../baepo/strategy_plugin.h"

typedef strategy_plugin_string_t string_t;
typedef strategy_plugin_list_u8_t bytes_t;
typedef baepo_hooks_types_hook_error_t hook_error_t;

typedef exports_baepo_hooks_strategy_view_t view_t;
typedef exports_baepo_hooks_strategy_decision_t decision_t;
typedef exports_baepo_hooks_strategy_directive_t directive_t;

#define text_free strategy_plugin_string_free
#define decision_free exports_baepo_hooks_strategy_decision_free
#define hook_error_free baepo_hooks_types_hook_error_free

enum {
  SCALE = EXPORTS_BAEPO_HOOKS_STRATEGY_DIRECTIVE_SCALE,
  ROUTE = EXPORTS_BAEPO_HOOKS_STRATEGY_DIRECTIVE_ROUTE,
  OBSERVE = EXPORTS_BAEPO_HOOKS_STRATEGY_DIRECTIVE_OBSERVE,
  HOLD = EXPORTS_BAEPO_HOOKS_STRATEGY_DIRECTIVE_HOLD,
  FINISH = EXPORTS_BAEPO_HOOKS_STRATEGY_DIRECTIVE_FINISH,
  ABORT = EXPORTS_BAEPO_HOOKS_STRATEGY_DIRECTIVE_ABORT,
};

enum {
  REACHED = EXPORTS_BAEPO_HOOKS_STRATEGY_ENDING_REACHED,
  HEALTHY_END = EXPORTS_BAEPO_HOOKS_STRATEGY_ENDING_HEALTHY,
  INCONCLUSIVE_END = EXPORTS_BAEPO_HOOKS_STRATEGY_ENDING_INCONCLUSIVE,
  RESUMED = EXPORTS_BAEPO_HOOKS_STRATEGY_ENDING_RESUMED,
  PROMOTED = EXPORTS_BAEPO_HOOKS_STRATEGY_ENDING_PROMOTED,
  HOLD_EXPIRED = EXPORTS_BAEPO_HOOKS_STRATEGY_ENDING_HOLD_EXPIRED,
};

enum {
  HEALTHY = BAEPO_HOOKS_TYPES_VERDICT_HEALTHY,
  FAILING = BAEPO_HOOKS_TYPES_VERDICT_FAILING,
  INCONCLUSIVE = BAEPO_HOOKS_TYPES_VERDICT_INCONCLUSIVE,
};

enum {
  WAIT_FOR_PERSON = EXPORTS_BAEPO_HOOKS_STRATEGY_ON_NO_EVIDENCE_HOLD,
  CONTINUE_ON_HEALTH = EXPORTS_BAEPO_HOOKS_STRATEGY_ON_NO_EVIDENCE_CONTINUE_ON_HEALTH,
  GO_BACK = EXPORTS_BAEPO_HOOKS_STRATEGY_ON_NO_EVIDENCE_ABORT,
};

#endif
