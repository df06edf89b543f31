#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *allocate(size_t count, size_t size) {
  void *room = calloc(count > 0 ? count : 1, size);
  if (room == NULL) abort();
  return room;
}

void *allocate_again(void *old, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) abort();
  void *room = realloc(old, count > 0 ? count * size : 1);
  if (room == NULL) abort();
  return room;
}

// How many bytes the character at `at` has; 0 where it is none.
// Source: The Unicode Standard, table 3-7, well-formed UTF-8 byte sequences.
static size_t character(const uint8_t *at, size_t left) {
  uint8_t first = at[0];
  if (first < 0x80) return 1;
  size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || left < len) return 0;
  uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < len; i++) {
    if (at[i] < 0x80 || at[i] > 0xbf) return 0;
  }
  return len;
}

string_t text_copy(const char *from, size_t len) {
  if (len == 0) return (string_t){0};
  const uint8_t *bytes = (const uint8_t *)from;
  // At worst each byte becomes the three of U+FFFD.
  if (len > SIZE_MAX / 3) abort();
  size_t room = 0;
  for (size_t at = 0, step; at < len; at += step > 0 ? step : 1) {
    step = character(bytes + at, len - at);
    room += step > 0 ? step : 3;
  }
  string_t copy = {.ptr = allocate(room, 1), .len = room};
  uint8_t *to = copy.ptr;
  for (size_t at = 0; at < len;) {
    size_t step = character(bytes + at, len - at);
    memcpy(to, step > 0 ? bytes + at : (const uint8_t *)"\xef\xbf\xbd", step > 0 ? step : 3);
    to += step > 0 ? step : 3;
    at += step > 0 ? step : 1;
  }
  return copy;
}

string_t text_format(const char *format, ...) {
  va_list once, again;
  va_start(once, format);
  va_copy(again, once);
  int len = vsnprintf(NULL, 0, format, once);
  va_end(once);
  if (len < 0) abort();
  char *line = allocate((size_t)len + 1, 1);
  vsnprintf(line, (size_t)len + 1, format, again);
  va_end(again);
  string_t text = text_copy(line, (size_t)len);
  free(line);
  return text;
}

string_t text_of(const char *from) {
  return (string_t){.ptr = (uint8_t *)from, .len = strlen(from)};
}

bytes_t bytes_copy(const void *from, size_t len) {
  if (len == 0) return (bytes_t){0};
  bytes_t copy = {.ptr = allocate(len, 1), .len = len};
  memcpy(copy.ptr, from, len);
  return copy;
}
