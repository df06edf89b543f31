// TAP, the Test Anything Protocol, versions 13 and 14.
// Source: https://testanything.org/tap-version-14-specification.html
#ifndef TAP_H
#define TAP_H

#include "hook.h"

// All of `text` as one suite. A plan that does not hold, a `Bail out!` and the
// like are cases of their own, which are errored: nothing is swallowed.
suite_t read_tap(const char *name, const char *text, size_t len);

// Adds a case that could not be run to its end.
void add_errored(suite_t *suite, const char *name, string_t why);

// Whether a case failed or errored.
bool has_bad_case(const suite_t *suite);

#endif
