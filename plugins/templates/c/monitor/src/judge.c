// What is judged, without anything that only the sandbox has, so that it can be
// tested natively.
#include "judge.h"

#include <inttypes.h>
#include <string.h>

#include "config.h"
#include "text.h"

// What users write under `with:`.
struct settings {
  // How many of a hundred requests may fail.
  double limit;
  // Fewer requests than this prove nothing.
  double least;
};

// What is kept between two looks.
struct sums {
  uint64_t requests;
  uint64_t failures;
};

static bool read_settings(string_t text, struct settings *settings, hook_error_t *error) {
  struct config config = config_open(text);
  settings->limit = config_number(&config, "limit", 1);
  settings->least = config_number(&config, "least", 100);
  if (!(settings->limit > 0 && settings->limit < 100)) {
    config_problem(&config, "limit", "must be a number above 0 and below 100");
  }
  if (!(settings->least >= 1)) config_problem(&config, "least", "must be a number of at least 1");
  bool is_fine = config_is_fine(&config, error);
  config_close(&config);
  return is_fine;
}

// Whoever reads it has the form of numbers of whoever wrote it: that of
// WebAssembly, which has only one.
static struct sums read_sums(bytes_t memory) {
  struct sums sums = {0};
  if (memory.len == sizeof sums) memcpy(&sums, memory.ptr, sizeof sums);
  return sums;
}

static void add(uint64_t *sum, uint64_t more) {
  *sum = *sum > UINT64_MAX - more ? UINT64_MAX : *sum + more;
}

bool describe(string_t config, capability_t *capability, hook_error_t *error) {
  struct settings settings;
  if (!read_settings(config, &settings, error)) return false;
  // In other phases it is not asked.
  const uint8_t phases[] = {RAMP, BAKE};
  bytes_t copy = bytes_copy(phases, sizeof phases);
  capability->phases.ptr = copy.ptr;
  capability->phases.len = copy.len;
  return true;
}

// The number that was judged, and one point for its plot.
static void measure(const observe_request_t *request, const struct settings *settings, double rate, observation_t *observation) {
  measurement_t *measurement = allocate(1, sizeof *measurement);
  measurement->name = text_format("failures");
  measurement->unit = text_format("%%");
  measurement->candidate.is_some = true;
  measurement->candidate.val = rate;
  measurement->limit.is_some = true;
  measurement->limit.val = settings->limit;
  measurement->verdict = observation->verdict;
  measurement->evidence = text_copy((const char *)observation->reason.ptr, observation->reason.len);
  sample_t *sample = allocate(1, sizeof *sample);
  sample->at_ms = request->window_elapsed_ms;
  sample->candidate = measurement->candidate;
  measurement->samples.ptr = sample;
  measurement->samples.len = 1;
  observation->measurements.ptr = measurement;
  observation->measurements.len = 1;
}

bool observe(const observe_request_t *request, observation_t *observation, hook_error_t *error) {
  struct settings settings;
  if (!read_settings(request->config, &settings, error)) return false;
  struct sums sums = read_sums(request->memory);
  bool is_measured = request->candidate.telemetry.is_some;
  if (is_measured) {
    add(&sums.requests, request->candidate.telemetry.val.requests);
    add(&sums.failures, request->candidate.telemetry.val.failures);
  }
  observation->memory = bytes_copy(&sums, sizeof sums);
  if (sums.requests == 0) {
    // Without evidence nothing is healthy.
    observation->verdict = INCONCLUSIVE;
    observation->reason = text_format(is_measured ? "nobody has asked the candidate yet" : "the target measures nothing");
    return true;
  }
  double rate = (double)sums.failures * 100 / (double)sums.requests;
  bool is_enough = (double)sums.requests >= settings.least;
  observation->verdict = !is_enough ? INCONCLUSIVE : rate > settings.limit ? FAILING : HEALTHY;
  observation->reason = text_format("%.2f %% of %" PRIu64 " requests failed", rate, sums.requests);
  measure(request, &settings, rate, observation);
  return true;
}
