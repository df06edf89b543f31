#include "settings.h"

#include <string.h>

bool read_settings(struct config *config, struct settings *settings, hook_error_t *error) {
  settings->run = config_texts(config, "run");
  settings->files = config_text(config, "files", "**/*.tap");
  if (config_has(config, "run") && config_has(config, "files")) {
    config_problem(config, "files", "cannot stand beside `run`, whose output is read");
  }
  const struct json *run = config_has(config, "run") ? json_member(config->json, "run") : NULL;
  if (run != NULL && run->kind == JSON_ARRAY && run->first == NULL) {
    config_problem(config, "run", "is empty, expected for example `[bats, --tap, tests]`");
  }
  if (settings->files[0] == '/' || strstr(settings->files, "..") != NULL) {
    config_problem(config, "files", "must be a pattern inside the checkout: no leading `/`, no `..`");
  }
  return config_is_fine(config, error);
}
