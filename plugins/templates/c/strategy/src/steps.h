#ifndef STEPS_H
#define STEPS_H

#include "hook.h"

// The next step: true and `decision`, or false and `error`. Both are zero before.
bool decide(const view_t *view, decision_t *decision, hook_error_t *error);

#endif
