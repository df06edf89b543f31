#include "../src/tap.h"

#include "check.h"

static suite_t read(const char *text) {
  return read_tap("suite", text, strlen(text));
}

// A letter for each case: `p`assed, `f`ailed, `e`rrored, `s`kipped.
static void check_cases(const char *text, const char *expected, const char *claim) {
  suite_t suite = read(text);
  char seen[64] = "";
  for (size_t i = 0; i < suite.cases.len && i < sizeof seen - 1; i++) seen[i] = "pfes"[suite.cases.ptr[i].outcome.tag];
  check_text(seen, strlen(seen), expected, claim);
  suite_free(&suite);
}

// Name and text of the last case.
static void check_last(const char *text, const char *name, const char *said, const char *claim) {
  suite_t suite = read(text);
  if (check(suite.cases.len > 0, claim)) {
    const test_case_t *last = &suite.cases.ptr[suite.cases.len - 1];
    check_text(last->name.ptr, last->name.len, name, "its name");
    string_t why = last->outcome.tag == PASSED ? (string_t){0} : last->outcome.val.failed;
    check_text(why.ptr, why.len, said, "what is said about it");
  }
  suite_free(&suite);
}

static void cases_are_read(void) {
  check_cases("TAP version 14\n1..3\nok 1 - a\nnot ok 2 - b\nok 3\n", "pfp", "a plan at the beginning");
  check_cases("ok\nnot ok\r\nok - c\r\n1..3", "pfp", "a plan at the end, and no numbers");
  check_cases("1..1\nhello\nokay\nnot okay\n\nok 1\npragma +strict\n", "p", "what is no TAP does not count");
  check_last("1..1\nok 1 - a \\# b \\\\ c # d\n", "a # b \\ c # d", "", "marks in a description");
  check_last("1..2\nok\nok 2\n", "test 2", "", "a case without a name");
  check_last("1..1\nok 7up is a drink", "7up is a drink", "", "a number that is none");
}

static void directives_are_heeded(void) {
  check_cases("1..4\nok 1 # SKIP\nnot ok 2 - b # skip: c\nnot ok 3 # TODO\nok 4 # todo d\n", "sssp", "skipped, and to do");
  check_last("1..1\nok 1 - a # SKIP no network\n", "a", "no network", "a reason to skip");
  check_last("1..1\nnot ok 1 - a # TODO bend time\n", "a", "to do: bend time", "a reason not to hold");
  check_last("1..1\nnot ok 1 - a # TODO\n", "a", "to do", "none");
  check_last("1..1\nnot ok 1 - a \\# SKIP b\n", "a # SKIP b", "it says no more than `not ok`", "no directive, for it is escaped");
  check_cases("1..0 # Skipped: no network\n", "s", "all of it is skipped");
  check_cases("1..0\n", "", "none is planned");
}

static void what_is_said_of_a_failure_is_kept(void) {
  check_last("1..1\nnot ok 1 - a\n# it is 3\n#   not 4\n", "a", "it is 3\n  not 4", "lines behind it");
  check_last("1..1\nnot ok 1 - a\n  ---\n  message: bad\n  data:\n    got: 1\n  ...\n", "a", "message: bad\ndata:\n  got: 1", "YAML behind it");
  check_last("1..1\n    ok 1 - x\n    not ok 2 - y\n    # it is 3\n    1..2\nnot ok 1 - a\n", "a", "not ok 2 - y\n# it is 3", "a subtest before it");
  check_last("1..1\n    not ok 1 - y\n      ---\n      error: bad\n      ...\nnot ok 1 - a\n# Subtest: b\n", "a", "not ok 1 - y\nerror: bad", "and why that failed");
  check_last("1..2\n    not ok 1 # TODO\nok 1 - a\nnot ok 2 - b\n", "b", "it says no more than `not ok`", "but no other's");
  check_last("1..1\nnot ok 1 - a\n# b\xff\n", "a", "b\xef\xbf\xbd", "what is not UTF-8 is marked");
}

static void what_is_known_of_a_case_is_kept(void) {
  suite_t suite = read("1..1\nok 1 - a\n  ---\n  duration_ms: 12.7\n  at:\n    file: 'src/a.js'\n    line: 42\n  ...\n");
  if (check(suite.cases.len == 1, "a case with YAML")) {
    const test_case_t *test = suite.cases.ptr;
    check(test->duration_ms.is_some && test->duration_ms.val == 13, "how long it took");
    check(test->line.is_some && test->line.val == 42, "its line");
    check_text(test->file.val.ptr, test->file.val.len, "src/a.js", "its file");
  }
  suite_free(&suite);
}

static void nothing_is_swallowed(void) {
  check_last("1..3\nok 1\nok 2\n", "plan", "3 tests were planned, and 2 ran", "too few");
  check_last("1..1\nok 1\nok 2\n", "plan", "1 tests were planned, and 2 ran", "too many");
  check_last("ok 1\n", "plan", "there is no plan such as `1..1`: it may have ended early", "no plan");
  check_last("", "plan", "there is no plan such as `1..0`: it may have ended early", "nothing at all");
  check_cases("1..1\nok 1\n1..1\n", "pe", "two plans");
  check_cases("1..2\nok 1\nok 3\n", "pep", "a number that is left out");
  check_last("1..3\nok 1\nBail out!  no database\nok 2\n", "bail out", "no database", "giving up");
  check_cases("1..3\nnot ok 1\n    Bail out!\n", "fe", "giving up in a subtest");
  check_cases("1..1\nnot ok 1\n  ---\n  never: ends\n", "f", "YAML without an end");
}

static void a_long_text_is_cut(void) {
  char text[8192] = "1..1\nnot ok 1\n# ";
  memset(text + strlen(text), 'x', 8000);
  suite_t suite = read(text);
  check(suite.cases.len == 1 && suite.cases.ptr[0].outcome.val.failed.len < 4097, "a long text is cut");
  suite_free(&suite);
}

int main(void) {
  cases_are_read();
  directives_are_heeded();
  what_is_said_of_a_failure_is_kept();
  what_is_known_of_a_case_is_kept();
  nothing_is_swallowed();
  a_long_text_is_cut();
  return end_of_checks();
}
