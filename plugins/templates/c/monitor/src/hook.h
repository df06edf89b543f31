// Short names for what baepo/monitor_plugin.h declares, which is made of wit/.
#ifndef HOOK_H
#define HOOK_H

#include "../baepo/monitor_plugin.h"

typedef monitor_plugin_string_t string_t;
typedef monitor_plugin_list_u8_t bytes_t;
typedef baepo_hooks_types_hook_error_t hook_error_t;

typedef exports_baepo_hooks_monitor_capability_t capability_t;
typedef exports_baepo_hooks_monitor_observe_request_t observe_request_t;
typedef exports_baepo_hooks_monitor_observation_t observation_t;
typedef exports_baepo_hooks_monitor_measurement_t measurement_t;
typedef exports_baepo_hooks_monitor_sample_t sample_t;

#define text_free monitor_plugin_string_free
#define observation_free exports_baepo_hooks_monitor_observation_free
#define capability_free exports_baepo_hooks_monitor_capability_free
#define hook_error_free baepo_hooks_types_hook_error_free

enum {
  PREVIEW = EXPORTS_BAEPO_HOOKS_MONITOR_PHASE_PREVIEW,
  RAMP = EXPORTS_BAEPO_HOOKS_MONITOR_PHASE_RAMP,
  BAKE = EXPORTS_BAEPO_HOOKS_MONITOR_PHASE_BAKE,
};

enum {
  HEALTHY = BAEPO_HOOKS_TYPES_VERDICT_HEALTHY,
  FAILING = BAEPO_HOOKS_TYPES_VERDICT_FAILING,
  INCONCLUSIVE = BAEPO_HOOKS_TYPES_VERDICT_INCONCLUSIVE,
};

#endif
