#include "../src/judge.h"

#include "../src/text.h"
#include "check.h"

static observe_request_t request_of(const char *config, uint64_t requests, uint64_t failures) {
  observe_request_t request = {.config = text_of(config), .phase = RAMP, .window = 1};
  request.candidate.telemetry.is_some = true;
  request.candidate.telemetry.val.requests = requests;
  request.candidate.telemetry.val.failures = failures;
  return request;
}

static observation_t look(observe_request_t request) {
  observation_t observation = {0};
  hook_error_t error = {0};
  check(observe(&request, &observation, &error), "it judges");
  hook_error_free(&error);
  return observation;
}

static void check_verdict(observe_request_t request, uint8_t verdict, const char *reason) {
  observation_t observation = look(request);
  check(observation.verdict == verdict, "the verdict is right");
  check_text(observation.reason.ptr, observation.reason.len, reason, "and why");
  observation_free(&observation);
}

static void few_requests_prove_nothing_and_many_do(void) {
  observe_request_t request = request_of("{}", 50, 0);
  observation_t first = look(request);
  check(first.verdict == INCONCLUSIVE, "50 requests are too few");
  request.memory = first.memory;
  check_verdict(request, HEALTHY, "0.00 % of 100 requests failed");
  observation_free(&first);
  check_verdict(request_of("", 1000, 10), HEALTHY, "1.00 % of 1000 requests failed");
  check_verdict(request_of("", 1000, 30), FAILING, "3.00 % of 1000 requests failed");
  check_verdict(request_of("{\"limit\": 5, \"least\": 1001}", 1000, 30), INCONCLUSIVE, "3.00 % of 1000 requests failed");
}

static void no_request_is_no_evidence(void) {
  observe_request_t request = request_of("{}", 0, 0);
  check_verdict(request, INCONCLUSIVE, "nobody has asked the candidate yet");
  request.candidate.telemetry.is_some = false;
  check_verdict(request, INCONCLUSIVE, "the target measures nothing");
}

static void memory_of_another_plugin_is_none(void) {
  observe_request_t request = request_of("{}", 50, 0);
  request.memory = bytes_copy("of another plugin", 17);
  check_verdict(request, INCONCLUSIVE, "0.00 % of 50 requests failed");
  monitor_plugin_list_u8_free(&request.memory);
}

static void what_is_judged_can_be_plotted(void) {
  observe_request_t request = request_of("{\"limit\": 2}", 1000, 30);
  request.window_elapsed_ms = 500;
  observation_t observation = look(request);
  check(observation.measurements.len == 1, "one number is judged");
  const measurement_t *measurement = observation.measurements.ptr;
  check(measurement->candidate.val == 3 && measurement->limit.val == 2, "it and its limit");
  check(measurement->samples.ptr[0].at_ms == 500, "and when it was so");
  observation_free(&observation);
}

static void check_mistake(const char *config, const char *path) {
  capability_t capability = {0};
  hook_error_t error = {0};
  bool is_right = describe(text_of(config), &capability, &error);
  if (path == NULL) {
    check(is_right && capability.phases.len == 2, config);
  } else if (check(!is_right && error.val.invalid_config.len == 1, config)) {
    string_t at = error.val.invalid_config.ptr[0].path;
    check_text(at.ptr, at.len, path, "at its place");
  }
  capability_free(&capability);
  hook_error_free(&error);
}

int main(void) {
  few_requests_prove_nothing_and_many_do();
  no_request_is_no_evidence();
  memory_of_another_plugin_is_none();
  what_is_judged_can_be_plotted();
  check_mistake("{\"limit\": 0.5, \"least\": 1}", NULL);
  check_mistake("{\"limits\": 1}", "limits");
  check_mistake("{\"limit\": 0}", "limit");
  check_mistake("{\"least\": \"many\"}", "least");
  return end_of_checks();
}
