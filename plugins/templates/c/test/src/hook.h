// Short names for what baepo/test_plugin.h declares, which is made of wit/.
#ifndef HOOK_H
#define HOOK_H

#include "../baepo/test_plugin.h"

typedef test_plugin_string_t string_t;
typedef test_plugin_list_u8_t bytes_t;
typedef baepo_hooks_types_hook_error_t hook_error_t;

typedef exports_baepo_hooks_test_test_request_t test_request_t;
typedef exports_baepo_hooks_test_test_report_t test_report_t;
typedef exports_baepo_hooks_test_suite_t suite_t;
typedef exports_baepo_hooks_test_test_case_t test_case_t;
typedef exports_baepo_hooks_test_outcome_t outcome_t;

#define text_free test_plugin_string_free
#define bytes_free test_plugin_list_u8_free
#define suite_free exports_baepo_hooks_test_suite_free
#define hook_error_free baepo_hooks_types_hook_error_free

enum {
  PASSED = EXPORTS_BAEPO_HOOKS_TEST_OUTCOME_PASSED,
  FAILED = EXPORTS_BAEPO_HOOKS_TEST_OUTCOME_FAILED,
  ERRORED = EXPORTS_BAEPO_HOOKS_TEST_OUTCOME_ERRORED,
  SKIPPED = EXPORTS_BAEPO_HOOKS_TEST_OUTCOME_SKIPPED,
};

#endif
