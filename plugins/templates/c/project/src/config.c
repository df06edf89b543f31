#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

// Longest message, in bytes; longer ones are cut.
enum { MESSAGE = 256 };

struct config config_open(string_t text) {
  struct config config = {0};
  const char *mistake = NULL;
  if (text.len == 0) return config;
  config.json = json_read((const char *)text.ptr, text.len, &mistake);
  if (config.json == NULL) {
    config_problem(&config, "", "is not JSON: %s", mistake);
  } else if (config.json->kind != JSON_OBJECT && config.json->kind != JSON_NULL) {
    config_problem(&config, "", "must be a mapping of keys to values");
  }
  return config;
}

bool config_has(const struct config *config, const char *key) {
  return config->json != NULL && json_member(config->json, key) != NULL;
}

// The value at `key`, if it is of this kind; any other is noted as a mistake.
static const struct json *value_at(struct config *config, const char *key, enum json_kind kind) {
  if (config->known_len == CONFIG_KEYS) abort();
  config->known[config->known_len++] = key;
  if (!config_has(config, key)) return NULL;
  const struct json *value = json_member(config->json, key);
  if (value->kind == kind) return value;
  config_problem(config, key, "must be %s, not %s", json_kind_name(kind), json_kind_name(value->kind));
  return NULL;
}

double config_number(struct config *config, const char *key, double usual) {
  const struct json *value = value_at(config, key, JSON_NUMBER);
  return value != NULL ? value->number : usual;
}

const char *config_text(struct config *config, const char *key, const char *usual) {
  const struct json *value = value_at(config, key, JSON_STRING);
  return value != NULL ? value->string : usual;
}

const struct json *config_texts(struct config *config, const char *key) {
  const struct json *list = value_at(config, key, JSON_ARRAY);
  if (list == NULL) return NULL;
  size_t i = 0;
  for (const struct json *item = list->first; item != NULL; item = item->next, i++) {
    if (item->kind == JSON_STRING) continue;
    char path[MESSAGE];
    snprintf(path, sizeof path, "%s.%zu", key, i);
    config_problem(config, path, "must be a text, not %s", json_kind_name(item->kind));
  }
  return list->first;
}

void config_problem(struct config *config, const char *path, const char *format, ...) {
  char message[MESSAGE];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  baepo_hooks_types_list_config_problem_t *problems = &config->problems;
  problems->ptr = allocate_again(problems->ptr, problems->len + 1, sizeof *problems->ptr);
  problems->ptr[problems->len++] = (baepo_hooks_types_config_problem_t){
      .path = text_copy(path, strlen(path)),
      .message = text_copy(message, strlen(message)),
  };
}

// What is there and nobody asked for.
static void note_unknown_keys(struct config *config) {
  char known[MESSAGE] = "";
  for (size_t i = 0; i < config->known_len; i++) {
    size_t len = strlen(known);
    const char *between = i == 0 ? "" : i + 1 == config->known_len ? " and " : ", ";
    snprintf(known + len, sizeof known - len, "%s`%s`", between, config->known[i]);
  }
  for (const struct json *member = config->json->first; member != NULL; member = member->next) {
    bool is_known = false;
    for (size_t i = 0; i < config->known_len; i++) is_known |= strcmp(member->key, config->known[i]) == 0;
    if (!is_known) config_problem(config, member->key, "unknown key: there are %s", known);
  }
}

bool config_is_fine(struct config *config, hook_error_t *error) {
  if (config->json != NULL && config->json->kind == JSON_OBJECT) note_unknown_keys(config);
  if (config->problems.len == 0) return true;
  *error = (hook_error_t){.tag = BAEPO_HOOKS_TYPES_HOOK_ERROR_INVALID_CONFIG, .val = {.invalid_config = config->problems}};
  // They are the host's now.
  config->problems = (baepo_hooks_types_list_config_problem_t){0};
  return false;
}

void config_close(struct config *config) {
  baepo_hooks_types_list_config_problem_free(&config->problems);
  free(config->json);
  *config = (struct config){0};
}
