#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A walk over the copy of the text behind the values. Strings are decoded where
// they stand, for they never get longer.
struct reader {
  char *at;
  struct json *free;
  int depth;
  const char *mistake;
};

static bool read_value(struct reader *reader, struct json **value);

// The first mistake is the one that is told.
static bool wrong(struct reader *reader, const char *mistake) {
  if (reader->mistake == NULL) reader->mistake = mistake;
  return false;
}

static void skip_space(struct reader *reader) {
  reader->at += strspn(reader->at, " \t\n\r");
}

static bool take(struct reader *reader, const char *word) {
  size_t len = strlen(word);
  if (strncmp(reader->at, word, len) != 0) return false;
  reader->at += len;
  return true;
}

static bool read_hex(struct reader *reader, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++, reader->at++) {
    char digit = *reader->at;
    uint32_t value;
    if (digit >= '0' && digit <= '9') value = (uint32_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f') value = (uint32_t)(digit - 'a' + 10);
    else if (digit >= 'A' && digit <= 'F') value = (uint32_t)(digit - 'A' + 10);
    else return wrong(reader, "\\u without four hexadecimal digits");
    *code = *code << 4 | value;
  }
  return true;
}

// What stands behind `\u`, as UTF-8.
static bool read_code(struct reader *reader, char **to) {
  uint32_t code, low;
  if (!read_hex(reader, &code)) return false;
  if (code == 0) return wrong(reader, "\\u0000 in a string");
  if (code >= 0xd800 && code <= 0xdfff) {
    bool pair = code <= 0xdbff && take(reader, "\\u");
    if (!pair || !read_hex(reader, &low) || low < 0xdc00 || low > 0xdfff) {
      return wrong(reader, "half of a surrogate pair");
    }
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  char *out = *to;
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xc0 | code >> 6);
    *out++ = (char)(0x80 | (code & 0x3f));
  } else {
    if (code < 0x10000) {
      *out++ = (char)(0xe0 | code >> 12);
    } else {
      *out++ = (char)(0xf0 | code >> 18);
      *out++ = (char)(0x80 | (code >> 12 & 0x3f));
    }
    *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    *out++ = (char)(0x80 | (code & 0x3f));
  }
  *to = out;
  return true;
}

static bool read_string(struct reader *reader, const char **string) {
  static const char letters[] = "\"\\/bfnrt";
  static const char meanings[] = "\"\\/\b\f\n\r\t";
  if (!take(reader, "\"")) return wrong(reader, "a key without quotes");
  char *to = reader->at;
  *string = to;
  for (;;) {
    char c = *reader->at;
    if (c == '\0') return wrong(reader, "a string without an end");
    if ((unsigned char)c < 0x20) return wrong(reader, "a control character in a string");
    reader->at++;
    if (c == '"') break;
    if (c != '\\') {
      *to++ = c;
      continue;
    }
    char letter = *reader->at;
    const char *known = letter == '\0' ? NULL : strchr(letters, letter);
    if (known != NULL) {
      *to++ = meanings[known - letters];
      reader->at++;
    } else if (!take(reader, "u")) {
      return wrong(reader, "an unknown escape in a string");
    } else if (!read_code(reader, &to)) {
      return false;
    }
  }
  *to = '\0';
  return true;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool skip_digits(struct reader *reader) {
  if (!is_digit(*reader->at)) return wrong(reader, "a number that is none");
  while (is_digit(*reader->at)) reader->at++;
  return true;
}

static bool read_number(struct reader *reader, double *number) {
  char *start = reader->at;
  take(reader, "-");
  if (reader->at[0] == '0' && is_digit(reader->at[1])) return wrong(reader, "a number that begins with 0");
  if (!skip_digits(reader)) return false;
  if (take(reader, ".") && !skip_digits(reader)) return false;
  if (*reader->at == 'e' || *reader->at == 'E') {
    reader->at++;
    if (*reader->at == '+' || *reader->at == '-') reader->at++;
    if (!skip_digits(reader)) return false;
  }
  *number = strtod(start, NULL);
  bool is_finite = *number - *number == 0;
  return is_finite || wrong(reader, "a number too large");
}

// What stands between the brackets, and the bracket at the end.
static bool read_inside(struct reader *reader, struct json *outer, const char *end) {
  struct json **last = &outer->first;
  if (++reader->depth > JSON_DEPTH) return wrong(reader, "too many levels");
  skip_space(reader);
  if (!take(reader, end)) {
    do {
      const char *key = NULL;
      skip_space(reader);
      if (outer->kind == JSON_OBJECT) {
        if (!read_string(reader, &key)) return false;
        skip_space(reader);
        if (!take(reader, ":")) return wrong(reader, "a key without `:`");
        if (json_member(outer, key) != NULL) return wrong(reader, "a key that is there twice");
      }
      if (!read_value(reader, last)) return false;
      (*last)->key = key;
      last = &(*last)->next;
      skip_space(reader);
    } while (take(reader, ","));
    if (!take(reader, end)) return wrong(reader, "a list or mapping without an end");
  }
  reader->depth--;
  return true;
}

static bool read_value(struct reader *reader, struct json **value) {
  skip_space(reader);
  struct json *new = reader->free++;
  *value = new;
  if (*reader->at == '"') {
    new->kind = JSON_STRING;
    return read_string(reader, &new->string);
  }
  if (*reader->at == '-' || is_digit(*reader->at)) {
    new->kind = JSON_NUMBER;
    return read_number(reader, &new->number);
  }
  if (take(reader, "{")) {
    new->kind = JSON_OBJECT;
    return read_inside(reader, new, "}");
  }
  if (take(reader, "[")) {
    new->kind = JSON_ARRAY;
    return read_inside(reader, new, "]");
  }
  if (take(reader, "null")) return true;
  new->kind = JSON_BOOLEAN;
  new->boolean = take(reader, "true");
  return new->boolean || take(reader, "false") || wrong(reader, "something that is no value");
}

struct json *json_read(const char *text, size_t len, const char **mistake) {
  // Before each value but the first stands one of these.
  size_t values = 1;
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\0') {
      *mistake = "a byte that is 0";
      return NULL;
    }
    if (strchr(",[{", text[i]) != NULL) values++;
  }
  size_t room = values * sizeof(struct json);
  struct json *root = NULL;
  if (values <= (SIZE_MAX - len - 1) / sizeof(struct json)) root = calloc(1, room + len + 1);
  if (root == NULL) abort();
  char *copy = (char *)root + room;
  if (len > 0) memcpy(copy, text, len);
  struct reader reader = {.at = copy, .free = root};
  struct json *value;
  if (read_value(&reader, &value)) {
    skip_space(&reader);
    if (reader.at == copy + len) return root;
    wrong(&reader, "something behind the value");
  }
  *mistake = reader.mistake;
  free(root);
  return NULL;
}

struct json *json_member(const struct json *object, const char *key) {
  for (struct json *member = object->first; member != NULL; member = member->next) {
    if (member->key != NULL && strcmp(member->key, key) == 0) return member;
  }
  return NULL;
}

const char *json_kind_name(enum json_kind kind) {
  static const char *const names[] = {"nothing", "true or false", "a number", "a text", "a list", "a mapping"};
  return names[kind];
}
