#include "tap.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

enum {
  // Longest text of a failure, in bytes; what is beyond is left out.
  LONGEST_NOTE = 4096,
  // From how many blanks on a line belongs to a subtest.
  SUBTEST = 4,
};

// A piece of the text.
struct piece {
  const char *ptr;
  size_t len;
};

// What was said about a case that failed, or will have.
struct note {
  char text[LONGEST_NOTE];
  size_t len;
};

struct reader {
  suite_t suite;
  uint64_t planned;
  bool has_plan;
  bool has_bailed;
  // The case whose lines are being read, if there is one.
  test_case_t test;
  bool is_open;
  bool is_in_yaml;
  size_t yaml_indent;
  struct note note;
  // What failed in a subtest, which stands before its case.
  struct note subtest;
  // The number of the newest case, and how many there were.
  uint64_t number;
  uint64_t seen;
};

static struct piece trimmed(struct piece piece) {
  while (piece.len > 0 && isspace((unsigned char)piece.ptr[0])) piece.ptr++, piece.len--;
  while (piece.len > 0 && isspace((unsigned char)piece.ptr[piece.len - 1])) piece.len--;
  return piece;
}

static struct piece without(struct piece piece, size_t len) {
  return (struct piece){piece.ptr + len, piece.len - len};
}

// Whether it begins with a word, in whatever case.
static bool begins(struct piece piece, const char *word) {
  size_t len = strlen(word);
  return piece.len >= len && strncasecmp(piece.ptr, word, len) == 0;
}

static bool is_word(struct piece piece, const char *word) {
  return begins(piece, word) && (piece.len == strlen(word) || isspace((unsigned char)piece.ptr[strlen(word)]));
}

// Digits in front; false where there are none, or too many.
static bool take_number(struct piece *piece, uint64_t *number) {
  size_t len = 0;
  for (*number = 0; len < piece->len && isdigit((unsigned char)piece->ptr[len]); len++) {
    *number = *number * 10 + (uint64_t)(piece->ptr[len] - '0');
  }
  *piece = without(*piece, len);
  return len > 0 && len < 19;
}

static string_t text_of_piece(struct piece piece) {
  return text_copy(piece.ptr, piece.len);
}

static void add_line(struct note *note, struct piece line) {
  size_t left = sizeof note->text - note->len;
  if (left < 2) return;
  if (note->len > 0) note->text[note->len++] = '\n';
  size_t len = line.len < left - 1 ? line.len : left - 1;
  memcpy(note->text + note->len, line.ptr, len);
  note->len += len;
}

static void push(suite_t *suite, test_case_t test) {
  // Powers of two: grown when full.
  size_t len = suite->cases.len;
  if ((len & (len - 1)) == 0) {
    suite->cases.ptr = allocate_again(suite->cases.ptr, len > 0 ? len * 2 : 1, sizeof test);
  }
  suite->cases.ptr[suite->cases.len++] = test;
}

void add_errored(suite_t *suite, const char *name, string_t why) {
  test_case_t test = {.name = text_format("%s", name)};
  test.outcome.tag = ERRORED;
  test.outcome.val.errored = why;
  push(suite, test);
}

bool has_bad_case(const suite_t *suite) {
  for (size_t i = 0; i < suite->cases.len; i++) {
    uint8_t tag = suite->cases.ptr[i].outcome.tag;
    if (tag == FAILED || tag == ERRORED) return true;
  }
  return false;
}

// The case that was read so far is complete.
static void close_case(struct reader *reader) {
  if (!reader->is_open) return;
  if (reader->test.outcome.tag == FAILED) {
    struct piece note = {reader->note.text, reader->note.len};
    reader->test.outcome.val.failed = note.len > 0 ? text_of_piece(note) : text_format("it says no more than `not ok`");
  }
  // A line without a file is of none.
  if (!reader->test.file.is_some) reader->test.line.is_some = false;
  push(&reader->suite, reader->test);
  reader->is_open = false;
  reader->is_in_yaml = false;
}

// Where the directive of a description begins: a `#` with a blank before it, so
// without `\`, and with `SKIP` or `TODO` behind it. Its end where there is none.
static size_t directive_in(struct piece description) {
  for (size_t i = 0; i < description.len; i++) {
    bool is_mark = description.ptr[i] == '#' && (i == 0 || isspace((unsigned char)description.ptr[i - 1]));
    if (!is_mark) continue;
    struct piece word = trimmed(without(description, i + 1));
    if (begins(word, "skip") || is_word(word, "todo")) return i;
  }
  return description.len;
}

// The description without `\` before `#` and `\`.
static string_t unescaped(struct piece description) {
  char *copy = allocate(description.len, 1);
  size_t len = 0;
  for (size_t i = 0; i < description.len; i++) {
    bool is_escape = description.ptr[i] == '\\' && i + 1 < description.len && strchr("#\\", description.ptr[i + 1]) != NULL;
    copy[len++] = description.ptr[is_escape ? ++i : i];
  }
  string_t text = text_copy(copy, len);
  free(copy);
  return text;
}

// What stands behind `ok` or `not ok`.
static void read_case(struct reader *reader, bool is_ok, struct piece rest) {
  close_case(reader);
  uint64_t number;
  rest = trimmed(rest);
  struct piece behind = rest;
  uint64_t expected = ++reader->number;
  reader->seen++;
  if (take_number(&behind, &number) && (behind.len == 0 || isspace((unsigned char)behind.ptr[0]))) {
    rest = trimmed(behind);
    if (number != expected) {
      add_errored(&reader->suite, "order", text_format("test %" PRIu64 " stands where test %" PRIu64 " was expected", number, expected));
      reader->number = number;
    }
  }
  if (is_word(rest, "-")) rest = trimmed(without(rest, 1));
  size_t at = directive_in(rest);
  struct piece directive = at < rest.len ? trimmed(without(rest, at + 1)) : (struct piece){0};
  string_t name = unescaped(trimmed((struct piece){rest.ptr, at}));
  reader->test = (test_case_t){.name = name.len > 0 ? name : text_format("test %" PRIu64, reader->number)};
  reader->is_open = true;
  reader->note.len = 0;
  outcome_t *outcome = &reader->test.outcome;
  if (begins(directive, "skip")) {
    size_t word = 0;
    while (word < directive.len && !isspace((unsigned char)directive.ptr[word])) word++;
    outcome->tag = SKIPPED;
    outcome->val.skipped = text_of_piece(trimmed(without(directive, word)));
  } else if (is_ok) {
    outcome->tag = PASSED;
  } else if (begins(directive, "todo")) {
    // Not expected to hold yet.
    struct piece reason = trimmed(without(directive, 4));
    outcome->tag = SKIPPED;
    outcome->val.skipped = text_format("to do%s%.*s", reason.len > 0 ? ": " : "", (int)reason.len, reason.ptr);
  } else {
    outcome->tag = FAILED;
    struct piece inner = {reader->subtest.text, reader->subtest.len};
    if (inner.len > 0) add_line(&reader->note, inner);
  }
  reader->subtest.len = 0;
}

// `1..N`, with the reason why there is none where N is 0.
static void read_plan(struct reader *reader, struct piece line) {
  struct piece rest = without(line, 3);
  uint64_t planned;
  if (!take_number(&rest, &planned)) return;
  rest = trimmed(rest);
  if (rest.len > 0 && rest.ptr[0] != '#') return;
  close_case(reader);
  if (reader->has_plan) return add_errored(&reader->suite, "plan", text_format("there are two plans"));
  reader->has_plan = true;
  reader->planned = planned;
  struct piece why = rest.len > 0 ? trimmed(without(rest, 1)) : rest;
  if (planned == 0 && begins(why, "skip")) {
    test_case_t test = {.name = text_format("all tests")};
    test.outcome.tag = SKIPPED;
    test.outcome.val.skipped = text_of_piece(why);
    push(&reader->suite, test);
  }
}

// The value of a key in a line of YAML, without quotes.
static bool take_value(struct piece line, const char *key, struct piece *value) {
  if (!begins(line, key)) return false;
  *value = trimmed(without(line, strlen(key)));
  bool is_quoted = value->len >= 2 && strchr("'\"", value->ptr[0]) != NULL && value->ptr[value->len - 1] == value->ptr[0];
  if (is_quoted) *value = (struct piece){value->ptr + 1, value->len - 2};
  return value->len > 0;
}

// A line of what is said about a case, of which a few words are known.
static void read_yaml(struct reader *reader, struct piece line) {
  struct piece content = trimmed(line), value;
  uint64_t number;
  if (content.len == 3 && memcmp(content.ptr, "...", 3) == 0) {
    reader->is_in_yaml = false;
    return;
  }
  size_t indent = reader->yaml_indent < line.len ? reader->yaml_indent : line.len;
  if (content.len > 0) add_line(&reader->note, without(line, indent));
  test_case_t *test = &reader->test;
  if (take_value(content, "duration_ms:", &value)) {
    char digits[32] = "";
    memcpy(digits, value.ptr, value.len < sizeof digits ? value.len : sizeof digits - 1);
    double ms = strtod(digits, NULL);
    test->duration_ms.is_some = ms >= 0 && ms < 1e15;
    test->duration_ms.val = test->duration_ms.is_some ? (uint64_t)(ms + 0.5) : 0;
  } else if (take_value(content, "line:", &value) && take_number(&value, &number)) {
    test->line.is_some = number > 0 && number <= UINT32_MAX;
    test->line.val = (uint32_t)number;
  } else if (take_value(content, "file:", &value) && value.ptr[0] != '/' && !test->file.is_some) {
    test->file.is_some = true;
    test->file.val = text_of_piece(value);
  }
}

static void read_line(struct reader *reader, struct piece line) {
  struct piece content = trimmed(line);
  size_t indent = (size_t)(content.ptr - line.ptr);
  if (content.len == 0) return;
  if (begins(content, "bail out!")) {
    close_case(reader);
    struct piece why = trimmed(without(content, 9));
    string_t text = why.len > 0 ? text_of_piece(why) : text_format("without a reason");
    add_errored(&reader->suite, "bail out", text);
    reader->has_bailed = true;
  } else if (reader->is_open && indent > 0 && indent < SUBTEST && content.len == 3 && memcmp(content.ptr, "---", 3) == 0) {
    reader->is_in_yaml = true;
    reader->yaml_indent = indent;
  } else if (indent > 0) {
    // Of a subtest only what failed is kept, and why.
    bool is_why = content.ptr[0] == '#' || begins(content, "message:") || begins(content, "error:");
    if (is_word(content, "not ok") || (is_why && reader->subtest.len > 0)) add_line(&reader->subtest, content);
  } else if (is_word(content, "ok")) {
    read_case(reader, true, without(content, 2));
  } else if (is_word(content, "not ok")) {
    read_case(reader, false, without(content, 6));
  } else if (content.ptr[0] == '#' && reader->is_open) {
    struct piece words = without(content, 1);
    if (words.len > 0 && words.ptr[0] == ' ') words = without(words, 1);
    // That is the title of the next case.
    if (!begins(words, "subtest:")) add_line(&reader->note, words);
  } else if (begins(content, "1..")) {
    read_plan(reader, content);
  }
  // All else is no TAP, which is allowed.
}

suite_t read_tap(const char *name, const char *text, size_t len) {
  // Too large for the stack of a plugin, which is 64 KiB.
  struct reader *reader = allocate(1, sizeof *reader);
  reader->suite.name = text_format("%s", name);
  const char *end = text + len;
  for (const char *at = text; at < end && !reader->has_bailed;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *line_end = newline != NULL ? newline : end;
    struct piece line = {at, (size_t)(line_end - at)};
    if (reader->is_in_yaml) read_yaml(reader, line);
    else read_line(reader, line);
    at = newline != NULL ? newline + 1 : end;
  }
  close_case(reader);
  suite_t suite = reader->suite;
  if (reader->has_bailed) {
    // The plan is void.
  } else if (!reader->has_plan) {
    add_errored(&suite, "plan", text_format("there is no plan such as `1..%" PRIu64 "`: it may have ended early", reader->seen));
  } else if (reader->planned != reader->seen) {
    add_errored(&suite, "plan", text_format("%" PRIu64 " tests were planned, and %" PRIu64 " ran", reader->planned, reader->seen));
  }
  free(reader);
  return suite;
}
