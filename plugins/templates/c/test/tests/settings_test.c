#include "../src/settings.h"

#include "../src/text.h"
#include "check.h"

static void check_settings(const char *text, const char *path) {
  struct config config = config_open(text_of(text));
  struct settings settings;
  hook_error_t error = {0};
  bool is_right = read_settings(&config, &settings, &error);
  check(is_right == (path == NULL), text);
  if (!is_right) {
    string_t at = error.val.invalid_config.ptr[0].path;
    check_text(at.ptr, at.len, path, "at its place");
    hook_error_free(&error);
  }
  config_close(&config);
}

int main(void) {
  check_settings("", NULL);
  check_settings("{\"files\": \"out/*.tap\"}", NULL);
  check_settings("{\"run\": [\"bats\", \"--tap\", \"tests\"]}", NULL);
  check_settings("{\"run\": [\"bats\"], \"files\": \"*.tap\"}", "files");
  check_settings("{\"run\": []}", "run");
  check_settings("{\"run\": \"bats\"}", "run");
  check_settings("{\"run\": [\"bats\", 1]}", "run.1");
  check_settings("{\"files\": \"../*.tap\"}", "files");
  check_settings("{\"file\": \"*.tap\"}", "file");
  return end_of_checks();
}
