// What is decided, without anything that only the sandbox has, so that it can be
// tested natively.
#include "steps.h"

#include <stdlib.h>

#include "config.h"
#include "text.h"

// What users write under `with:`.
struct settings {
  // How many users meet it first, in percent.
  double share;
  // How long each step is watched at most, in seconds.
  double watch;
};

enum {
  // How often a step is watched before somebody is asked.
  PATIENCE = 10,
  // The longest `watch`, in seconds: a day.
  LONGEST_WATCH = 86400,
  // The steps, in the order of `go_to`.
  STEPS = 6,
  EVERYBODY = 3,
};

// What is kept between two calls.
struct place {
  uint8_t step;
  // How often this step was watched without a result.
  uint8_t watched;
};

static bool read_settings(string_t text, struct settings *settings, hook_error_t *error) {
  struct config config = config_open(text);
  settings->share = config_number(&config, "share", 10);
  settings->watch = config_number(&config, "watch", 120);
  // Traffic is split in hundredths of a percent.
  if (!(settings->share >= 0.01 && settings->share <= 99.99)) {
    config_problem(&config, "share", "must be from 0.01 to 99.99: less than 100, of which all is");
  }
  if (!(settings->watch > 0 && settings->watch <= LONGEST_WATCH)) {
    config_problem(&config, "watch", "must be more than 0 and at most %d", LONGEST_WATCH);
  }
  bool is_fine = config_is_fine(&config, error);
  config_close(&config);
  return is_fine;
}

static struct place read_place(bytes_t memory) {
  if (memory.len != 2 || memory.ptr[0] >= STEPS) return (struct place){0};
  return (struct place){.step = memory.ptr[0], .watched = memory.ptr[1]};
}

// Where this stands, and why; `directive` is for the caller to fill.
static void answer(decision_t *decision, struct place place, string_t reason) {
  uint8_t memory[] = {place.step, place.watched};
  decision->memory = bytes_copy(memory, sizeof memory);
  decision->progress.step = place.step + 1u;
  decision->progress.of = STEPS;
  decision->reason = reason;
}

static directive_t watch(const struct settings *settings) {
  directive_t directive = {.tag = OBSERVE};
  directive.val.observe.min_ms = (uint64_t)(settings->watch * 500);
  directive.val.observe.max_ms = (uint64_t)(settings->watch * 1000);
  return directive;
}

static void go_to(const view_t *view, const struct settings *settings, struct place place, decision_t *decision) {
  directive_t *directive = &decision->directive;
  switch (place.step) {
  case 0:
    directive->tag = SCALE;
    directive->val.scale.stable = view->instances;
    directive->val.scale.candidate = view->instances;
    return answer(decision, place, text_format("starting"));
  case 1:
    directive->tag = ROUTE;
    directive->val.route = (uint32_t)(settings->share * 100 + 0.5);
    return answer(decision, place, text_format("letting %g %% of users in", settings->share));
  case 2:
    *directive = watch(settings);
    return answer(decision, place, text_format("watching the first users"));
  case EVERYBODY:
    directive->tag = ROUTE;
    directive->val.route = 10000;
    return answer(decision, place, text_format("letting everybody in"));
  case 4:
    *directive = watch(settings);
    return answer(decision, place, text_format("watching all traffic"));
  default:
    place.step = STEPS - 1;
    directive->tag = FINISH;
    directive->val.finish.keep_warm_ms = 0;
    return answer(decision, place, text_format("the new release is stable"));
  }
}

static void abort_with(decision_t *decision, struct place place, string_t reason) {
  decision->directive.tag = ABORT;
  // It is there twice, so it has to be copied: the host frees both.
  decision->directive.val.abort = text_copy((const char *)reason.ptr, reason.len);
  answer(decision, place, reason);
}

// Patience is over and nobody knows: what the environment says is done.
static void give_up(const view_t *view, const struct settings *settings, struct place place, decision_t *decision) {
  bool is_judged = view->judgement.is_some;
  bool is_well = is_judged && view->judgement.val.health == HEALTHY && view->judgement.val.verdict != FAILING;
  if (view->on_no_evidence == CONTINUE_ON_HEALTH && is_well) {
    return go_to(view, settings, (struct place){.step = place.step + 1u}, decision);
  }
  string_t why = is_judged ? view->judgement.val.reason : text_of("no monitor said anything");
  string_t reason = text_format("not enough evidence: %.*s", (int)why.len, (const char *)why.ptr);
  if (view->on_no_evidence == GO_BACK) return abort_with(decision, place, reason);
  decision->directive.tag = HOLD;
  decision->directive.val.hold.reason = text_copy((const char *)reason.ptr, reason.len);
  decision->directive.val.hold.timeout_ms = 0;
  answer(decision, place, reason);
}

bool decide(const view_t *view, decision_t *decision, hook_error_t *error) {
  struct settings settings;
  if (!read_settings(view->config, &settings, error)) return false;
  struct place place = read_place(view->memory);
  struct place next = {.step = place.step + 1u};
  if (!view->last.is_some) {
    go_to(view, &settings, (struct place){0}, decision);
  } else if (view->promote_full && place.step > 0 && place.step < EVERYBODY) {
    // A person wants all traffic there at once.
    go_to(view, &settings, (struct place){.step = EVERYBODY}, decision);
  } else if (view->last.val.ending == HOLD_EXPIRED) {
    abort_with(decision, place, text_format("nobody came"));
  } else if (view->last.val.ending == RESUMED) {
    go_to(view, &settings, (struct place){.step = place.step}, decision);
  } else if (view->last.val.ending != INCONCLUSIVE_END) {
    // Reached, healthy, or a person said so.
    go_to(view, &settings, next, decision);
  } else if (place.watched + 1 < PATIENCE) {
    place.watched++;
    go_to(view, &settings, place, decision);
  } else {
    give_up(view, &settings, place, decision);
  }
  return true;
}
