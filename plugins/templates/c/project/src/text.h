// Texts and bytes that cross the border, and who owns them.
//
// - What baepo hands in is yours. plugin.c frees all of it after the call.
// - What you answer belongs to baepo, which has it freed: every pointer in it has
//   to come from these functions, and has to be there once. Freeing a literal may
//   pass unseen in the sandbox; the native tests crash at it.
// - What an import is called with stays yours (`text_of` will do), and what it
//   answers is yours to free, with the function whose name ends in `_free`.
//
// There is no error for too little memory: it ends the call.
#ifndef TEXT_H
#define TEXT_H

#include "hook.h"

// A copy. What is not UTF-8 becomes U+FFFD, because baepo refuses an answer with
// such a text in it.
string_t text_copy(const char *from, size_t len);

// The same of what printf would print.
__attribute__((format(printf, 1, 2))) string_t text_format(const char *format, ...);

// Only a look at `from`, for what an import is called with. Never answer it.
string_t text_of(const char *from);

// A copy, as it is.
bytes_t bytes_copy(const void *from, size_t len);

// Room for so many things, all of them zero.
void *allocate(size_t count, size_t size);

// The same room for more of them; what is new is not zero.
void *allocate_again(void *old, size_t count, size_t size);

#endif
