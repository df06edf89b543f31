// A test: runs a program that speaks TAP, or reads files in which one did.
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "tap.h"
#include "text.h"

enum {
  // The largest file, or output, that is read, in bytes.
  LARGEST = 4 << 20,
};

static bool fail(hook_error_t *error, uint8_t tag, string_t text) {
  error->tag = tag;
  error->val.failed = text;
  return false;
}

static bool fail_as_workspace(hook_error_t *error, const char *path, const baepo_hooks_workspace_workspace_error_t *why) {
  switch (why->tag) {
  case BAEPO_HOOKS_WORKSPACE_WORKSPACE_ERROR_DENIED:
    // The host shows the line that would allow it.
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_DENIED, text_copy((const char *)why->val.denied.ptr, why->val.denied.len));
  case BAEPO_HOOKS_WORKSPACE_WORKSPACE_ERROR_TOO_LARGE:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text_format("`%s` is too large", path));
  case BAEPO_HOOKS_WORKSPACE_WORKSPACE_ERROR_FAILED:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text_format("`%s`: %.*s", path, (int)why->val.failed.len, (const char *)why->val.failed.ptr));
  default:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text_format("`%s` cannot be read", path));
  }
}

static bool fail_as_process(hook_error_t *error, const char *program, const baepo_hooks_process_process_error_t *why) {
  switch (why->tag) {
  case BAEPO_HOOKS_PROCESS_PROCESS_ERROR_DENIED:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_DENIED, text_format("run: %s", program));
  case BAEPO_HOOKS_PROCESS_PROCESS_ERROR_NOT_FOUND:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text_format("`%s` is not installed on this machine", program));
  case BAEPO_HOOKS_PROCESS_PROCESS_ERROR_TIMEOUT:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text_format("`%s` was stopped because its time was over", program));
  default:
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text_format("`%s`: %.*s", program, (int)why->val.failed.len, (const char *)why->val.failed.ptr));
  }
}

static void add_suite(test_report_t *report, suite_t suite) {
  size_t len = report->suites.len;
  report->suites.ptr = allocate_again(report->suites.ptr, len + 1, sizeof suite);
  report->suites.ptr[report->suites.len++] = suite;
}

static bool run_program(const struct json *run, test_report_t *report, hook_error_t *error) {
  size_t len = 0;
  for (const struct json *item = run; item != NULL; item = item->next) len++;
  baepo_hooks_process_command_t command = {.capture_limit_bytes = LARGEST};
  command.argv.ptr = allocate(len, sizeof *command.argv.ptr);
  for (const struct json *item = run; item != NULL; item = item->next) {
    // Only lent, as all that an import is called with.
    command.argv.ptr[command.argv.len++] = text_of(item->string);
  }
  const char *program = run->string;
  baepo_hooks_process_output_t output;
  baepo_hooks_process_process_error_t why;
  bool has_run = baepo_hooks_process_run(&command, &output, &why);
  free(command.argv.ptr);
  if (!has_run) {
    fail_as_process(error, program, &why);
    baepo_hooks_process_process_error_free(&why);
    return false;
  }
  suite_t suite = read_tap(program, (const char *)output.stdout_.ptr, output.stdout_.len);
  if (output.truncated) {
    add_errored(&suite, "output", text_format("it is larger than %d bytes, and its beginning is lost", LARGEST));
  } else if (output.exit_code != 0 && !has_bad_case(&suite)) {
    add_errored(&suite, "exit code", text_format("%d, although no test failed", (int)output.exit_code));
  }
  add_suite(report, suite);
  baepo_hooks_process_output_free(&output);
  return true;
}

static bool read_file(string_t path, test_report_t *report, hook_error_t *error) {
  bytes_t content;
  baepo_hooks_workspace_workspace_error_t why;
  char *name = allocate(path.len + 1, 1);
  memcpy(name, path.ptr, path.len);
  bool is_read = baepo_hooks_workspace_read(&path, LARGEST, &content, &why);
  if (is_read) {
    add_suite(report, read_tap(name, (const char *)content.ptr, content.len));
    bytes_free(&content);
  } else {
    fail_as_workspace(error, name, &why);
    baepo_hooks_workspace_workspace_error_free(&why);
  }
  free(name);
  return is_read;
}

static bool read_files(const char *pattern, test_report_t *report, hook_error_t *error) {
  string_t lent = text_of(pattern);
  baepo_hooks_workspace_list_entry_t entries;
  baepo_hooks_workspace_workspace_error_t why;
  if (!baepo_hooks_workspace_glob(&lent, &entries, &why)) {
    fail_as_workspace(error, pattern, &why);
    baepo_hooks_workspace_workspace_error_free(&why);
    return false;
  }
  bool is_read = true;
  for (size_t i = 0; i < entries.len && is_read; i++) {
    bool is_file = entries.ptr[i].kind == BAEPO_HOOKS_WORKSPACE_KIND_FILE;
    if (is_file) is_read = read_file(entries.ptr[i].path, report, error);
  }
  baepo_hooks_workspace_list_entry_free(&entries);
  if (is_read && report->suites.len == 0) {
    // What may not be read is left out by the host, so it may be that.
    string_t text = text_format("no file that may be read matches `%s`; grant `read` for it in `allow:`", pattern);
    return fail(error, BAEPO_HOOKS_TYPES_HOOK_ERROR_FAILED, text);
  }
  return is_read;
}

bool exports_baepo_hooks_test_test(test_request_t *request, test_report_t *report, hook_error_t *error) {
  // What is forgotten is zero, and not what was there before.
  *report = (test_report_t){0};
  *error = (hook_error_t){0};
  struct config config = config_open(request->config);
  struct settings settings;
  bool is_done = read_settings(&config, &settings, error);
  if (is_done && settings.run != NULL) is_done = run_program(settings.run, report, error);
  else if (is_done) is_done = read_files(settings.files, report, error);
  config_close(&config);
  exports_baepo_hooks_test_test_request_free(request);
  return is_done;
}
