// Reading a `with:` block so that a user sees all mistakes at once, each at its
// place and with what was expected.
//
//     struct config config = config_open(view->config);
//     double share = config_number(&config, "share", 10);
//     bool is_fine = config_is_fine(&config, error);
//     config_close(&config);
#ifndef CONFIG_H
#define CONFIG_H

#include "hook.h"
#include "json.h"

enum { CONFIG_KEYS = 16 };

struct config {
  struct json *json;
  // What was asked for: all other keys are mistakes.
  const char *known[CONFIG_KEYS];
  size_t known_len;
  baepo_hooks_types_list_config_problem_t problems;
};

// Begins. Nothing and `null` are an empty block.
struct config config_open(string_t text);

// The number at `key`, or `usual` where there is none.
double config_number(struct config *config, const char *key, double usual);

// The same of a text. It lasts until `config_close`.
const char *config_text(struct config *config, const char *key, const char *usual);

// The first of a list of texts at `key`, as `config_text`; NULL where there are
// none. The others follow at `next`.
const struct json *config_texts(struct config *config, const char *key);

// Whether something stands at `key`.
bool config_has(const struct config *config, const char *key);

// Notes a mistake, as a fragment that goes on after the key.
__attribute__((format(printf, 3, 4))) void config_problem(struct config *config, const char *path, const char *format, ...);

// Whether there was no mistake. Where there was, `error` is all of them.
bool config_is_fine(struct config *config, hook_error_t *error);

// Ends, and frees what `config` still has.
void config_close(struct config *config);

#endif
