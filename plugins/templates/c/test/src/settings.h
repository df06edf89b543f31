#ifndef SETTINGS_H
#define SETTINGS_H

#include "config.h"

// What users write under `with:`: a program to run or files to read.
struct settings {
  // Program and arguments, as in `config_texts`; NULL for none.
  const struct json *run;
  // A pattern, relative to the checkout.
  const char *files;
};

// Takes them out of `config`, which they last as long as.
bool read_settings(struct config *config, struct settings *settings, hook_error_t *error);

#endif
