// A small, strict reader of JSON, for what users write under `with:`.
//
// It reads RFC 8259, with less than it allows: no key twice, no `\u0000`, at most
// JSON_DEPTH levels, and numbers that a double can hold.
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH = 32 };

enum json_kind { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

// A value. `key` is there in members of an object. Items and members are a list
// that begins at `first` and goes on at `next`.
struct json {
  enum json_kind kind;
  bool boolean;
  double number;
  const char *string;
  const char *key;
  struct json *first;
  struct json *next;
};

// The value that is all of `text`, or NULL and, in `*mistake`, what is wrong.
// It is one block of memory with everything in it: `free` is enough.
struct json *json_read(const char *text, size_t len, const char **mistake);

// The member of this name, or NULL.
struct json *json_member(const struct json *object, const char *key);

// The kind in words, such as `a list`.
const char *json_kind_name(enum json_kind kind);

#endif
