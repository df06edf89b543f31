#include "../src/steps.h"

#include "../src/text.h"
#include "check.h"

static view_t view_of(const char *config) {
  view_t view = {.config = text_of(config), .instances = 4, .on_no_evidence = WAIT_FOR_PERSON};
  view.limits.max_surge = 4;
  view.limits.max_exposure_unjudged_basis_points = 10000;
  view.limits.weight_granularity_basis_points = 1;
  view.fleet.stable.asked = view.fleet.stable.ready = 4;
  return view;
}

// A letter for each directive of a rollout in which windows end like this.
// `ends` has what a hold ends with.
static void rollout(view_t view, uint8_t window, uint8_t hold, char seen[100]) {
  bytes_t memory = {0};
  for (size_t n = 0; n < 99; n++) {
    decision_t decision = {0};
    hook_error_t error = {0};
    view.memory = memory;
    if (!check(decide(&view, &decision, &error), "it decides")) return hook_error_free(&error);
    uint8_t tag = decision.directive.tag;
    seen[n] = "srohfa"[tag];
    seen[n + 1] = '\0';
    strategy_plugin_list_u8_free(&memory);
    memory = decision.memory;
    decision.memory = (bytes_t){0};
    decision_free(&decision);
    if (tag == FINISH || tag == ABORT) break;
    view.last.is_some = true;
    view.last.val.ending = tag == OBSERVE ? window : tag == HOLD ? hold : REACHED;
  }
  strategy_plugin_list_u8_free(&memory);
}

static void check_rollout(view_t view, uint8_t window, const char *expected, const char *claim) {
  char seen[100] = "";
  rollout(view, window, HOLD_EXPIRED, seen);
  check_text(seen, strlen(seen), expected, claim);
}

static void a_good_release_gets_to_everybody(void) {
  check_rollout(view_of("{\"share\": 25}"), HEALTHY_END, "srorof", "a good release gets to everybody");
  check_rollout(view_of(""), HEALTHY_END, "srorof", "without settings as well");
}

static void nobody_knowing_is_not_going_on(void) {
  view_t view = view_of("{}");
  check_rollout(view, INCONCLUSIVE_END, "sroooooooooo" "ha", "patience ends in a question");
  view.on_no_evidence = GO_BACK;
  check_rollout(view, INCONCLUSIVE_END, "sroooooooooo" "a", "or in going back");
  view.on_no_evidence = CONTINUE_ON_HEALTH;
  check_rollout(view, INCONCLUSIVE_END, "sroooooooooo" "ha", "health that nobody has seen is none");
  view.judgement.is_some = true;
  view.judgement.val.verdict = INCONCLUSIVE;
  view.judgement.val.health = HEALTHY;
  view.judgement.val.reason = text_of("no requests");
  check_rollout(view, INCONCLUSIVE_END, "sroooooooooo" "roooooooooo" "f", "health is enough where that is said");
  view.judgement.val.health = FAILING;
  check_rollout(view, INCONCLUSIVE_END, "sroooooooooo" "ha", "but it has to be there");
}

static void the_share_is_what_is_asked_for(void) {
  view_t view = view_of("{\"share\": 2.5}");
  uint8_t first[] = {0, 0};
  view.memory = (bytes_t){.ptr = first, .len = 2};
  view.last.is_some = true;
  view.last.val.ending = REACHED;
  decision_t decision = {0};
  hook_error_t error = {0};
  decide(&view, &decision, &error);
  check(decision.directive.tag == ROUTE && decision.directive.val.route == 250, "a share is hundredths of a percent");
  check_text(decision.reason.ptr, decision.reason.len, "letting 2.5 % of users in", "and told as it was written");
  decision_free(&decision);
}

static void check_mistake(const char *config, const char *path) {
  view_t view = view_of(config);
  decision_t decision = {0};
  hook_error_t error = {0};
  bool is_refused = !decide(&view, &decision, &error) && error.tag == BAEPO_HOOKS_TYPES_HOOK_ERROR_INVALID_CONFIG;
  if (check(is_refused, config)) {
    string_t at = error.val.invalid_config.ptr[0].path;
    check_text(at.ptr, at.len, path, "at its place");
  }
  decision_free(&decision);
  hook_error_free(&error);
}

static void mistakes_are_told(void) {
  check_mistake("{\"shares\": 25}", "shares");
  check_mistake("{\"share\": 100}", "share");
  check_mistake("{\"share\": \"25%\"}", "share");
  check_mistake("{\"watch\": 0}", "watch");
}

int main(void) {
  a_good_release_gets_to_everybody();
  nobody_knowing_is_not_going_on();
  the_share_is_what_is_asked_for();
  mistakes_are_told();
  return end_of_checks();
}
