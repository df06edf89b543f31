#include "../src/json.h"

#include <stdlib.h>

#include "check.h"

static struct json *read(const char *text) {
  const char *mistake;
  return json_read(text, strlen(text), &mistake);
}

static void check_refused(const char *text, const char *expected) {
  const char *mistake = "nothing";
  struct json *json = json_read(text, strlen(text), &mistake);
  check(json == NULL, text);
  check_text(mistake, strlen(mistake), expected, "for the right reason");
  free(json);
}

static void values_are_read(void) {
  struct json *json = read(" { \"a\" : [ 1, -2.5e2 , true,null ] , \"b\": { } }\n");
  if (!check(json != NULL, "values are read")) return;
  const struct json *item = json_member(json, "a")->first;
  check(item->kind == JSON_NUMBER && item->number == 1, "a whole number");
  item = item->next;
  check(item->number == -250, "a number with all that it can have");
  item = item->next;
  check(item->kind == JSON_BOOLEAN && item->boolean, "true");
  item = item->next;
  check(item->kind == JSON_NULL && item->next == NULL, "nothing, and the end");
  check(json_member(json, "b")->first == NULL, "an empty mapping");
  check(json_member(json, "c") == NULL, "a key that is not there");
  free(json);
}

static void strings_are_decoded(void) {
  struct json *json = read("\"a\\\"\\\\\\n\\u0041\\u00e4\\u20ac\\ud83d\\ude00z\"");
  if (!check(json != NULL, "strings are decoded")) return;
  const char *expected = "a\"\\\nA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
  check_text(json->string, strlen(json->string), expected, "to UTF-8");
  free(json);
}

static void what_is_no_json_is_refused(void) {
  check_refused("", "something that is no value");
  check_refused("nul", "something that is no value");
  check_refused("1 2", "something behind the value");
  check_refused("[1,]", "something that is no value");
  check_refused("[1", "a list or mapping without an end");
  check_refused("{a: 1}", "a key without quotes");
  check_refused("{\"a\" 1}", "a key without `:`");
  check_refused("{\"a\": 1, \"a\": 2}", "a key that is there twice");
  check_refused("01", "a number that begins with 0");
  check_refused("0x10", "something behind the value");
  check_refused("1.", "a number that is none");
  check_refused("1e999", "a number too large");
  check_refused("\"a", "a string without an end");
  check_refused("\"a\\", "an unknown escape in a string");
  check_refused("\"\\u12", "\\u without four hexadecimal digits");
  check_refused("\"\\ud800\"", "half of a surrogate pair");
  check_refused("\"\\u0000\"", "\\u0000 in a string");
  check_refused("\"\t\"", "a control character in a string");
}

static void depth_has_an_end(void) {
  char text[2 * JSON_DEPTH + 3] = "";
  memset(text, '[', JSON_DEPTH);
  memset(text + JSON_DEPTH, ']', JSON_DEPTH);
  struct json *json = read(text);
  check(json != NULL, "as deep as is allowed");
  free(json);
  memset(text, '[', JSON_DEPTH + 1);
  check_refused(text, "too many levels");
}

int main(void) {
  values_are_read();
  strings_are_decoded();
  what_is_no_json_is_refused();
  depth_has_an_end();
  return end_of_checks();
}
