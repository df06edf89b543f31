#include "../src/config.h"

#include "../src/text.h"
#include "check.h"

static void what_stands_there_is_read(void) {
  struct config config = config_open(text_of("{\"share\": 25, \"name\": \"a\", \"run\": [\"make\", \"test\"]}"));
  hook_error_t error = {0};
  check(config_number(&config, "share", 10) == 25, "a number");
  check(config_number(&config, "watch", 120) == 120, "what is usual");
  check(strcmp(config_text(&config, "name", "b"), "a") == 0, "a text");
  const struct json *run = config_texts(&config, "run");
  check(run != NULL && strcmp(run->next->string, "test") == 0, "a list of texts");
  check(config_is_fine(&config, &error), "and all of it is fine");
  config_close(&config);
}

static void all_mistakes_are_told_at_their_places(void) {
  struct config config = config_open(text_of("{\"share\": \"25\", \"run\": [\"make\", 1], \"shares\": 1}"));
  hook_error_t error = {0};
  config_number(&config, "share", 10);
  config_texts(&config, "run");
  check(!config_is_fine(&config, &error), "mistakes are an error");
  config_close(&config);
  const char *expected[][2] = {
      {"share", "must be a number, not a text"},
      {"run.1", "must be a text, not a number"},
      {"shares", "unknown key: there are `share` and `run`"},
  };
  if (!check(error.val.invalid_config.len == 3, "each is one")) return;
  for (size_t i = 0; i < 3; i++) {
    const baepo_hooks_types_config_problem_t *problem = &error.val.invalid_config.ptr[i];
    check_text(problem->path.ptr, problem->path.len, expected[i][0], "its place");
    check_text(problem->message.ptr, problem->message.len, expected[i][1], "its words");
  }
  baepo_hooks_types_hook_error_free(&error);
}

static void check_whole(const char *text, const char *message) {
  struct config config = config_open(text_of(text));
  hook_error_t error = {0};
  if (check(config_is_fine(&config, &error) == (message == NULL), text) && message != NULL) {
    const baepo_hooks_types_config_problem_t *problem = error.val.invalid_config.ptr;
    check_text(problem->message.ptr, problem->message.len, message, "its words");
    baepo_hooks_types_hook_error_free(&error);
  }
  config_close(&config);
}

int main(void) {
  what_stands_there_is_read();
  all_mistakes_are_told_at_their_places();
  check_whole("", NULL);
  check_whole("null", NULL);
  check_whole("[]", "must be a mapping of keys to values");
  check_whole("{", "is not JSON: a key without quotes");
  return end_of_checks();
}
