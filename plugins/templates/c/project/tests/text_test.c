#include "../src/text.h"

#include "check.h"

static void check_copy(const char *from, const char *expected, const char *claim) {
  string_t text = text_copy(from, strlen(from));
  check_text(text.ptr, text.len, expected, claim);
  text_free(&text);
}

static void what_is_not_utf8_is_marked(void) {
  check_copy("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", "UTF-8 stays");
  check_copy("a\xffz", "a\xef\xbf\xbdz", "a byte that is in no character");
  check_copy("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "a character in more bytes than it needs");
  check_copy("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "half of a surrogate pair");
  check_copy("a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd", "a character that is cut");
}

static void texts_can_be_empty(void) {
  check_copy("", "", "a copy of nothing");
  string_t text = text_format("%s", "");
  check(text.len == 0, "a line with nothing in it");
  text_free(&text);
}

static void lines_are_as_long_as_they_have_to_be(void) {
  string_t text = text_format("%0200d|%.2f", 0, 1.005);
  check(text.len == 205, "200 digits, a bar, and a number");
  text_free(&text);
}

int main(void) {
  what_is_not_utf8_is_marked();
  texts_can_be_empty();
  lines_are_as_long_as_they_have_to_be();
  return end_of_checks();
}
