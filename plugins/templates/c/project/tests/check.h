// A test is a program that says what it found as TAP, the Test Anything Protocol.
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int checks, failures;

// One claim, in words. Failing, it goes on with the next.
static inline bool check(bool holds, const char *claim) {
  printf("%s %d - %s\n", holds ? "ok" : "not ok", ++checks, claim);
  failures += !holds;
  return holds;
}

// That a text with a length is `expected`.
static inline bool check_text(const void *ptr, size_t len, const char *expected, const char *claim) {
  bool same = len == strlen(expected) && memcmp(len > 0 ? ptr : "", expected, len) == 0;
  if (!check(same, claim)) printf("# it is `%.*s`, not `%s`\n", (int)len, len > 0 ? (const char *)ptr : "", expected);
  return same;
}

// The plan, and the exit code of the program.
static inline int end_of_checks(void) {
  printf("1..%d\n", checks);
  return failures > 0;
}

#endif
