#ifndef JUDGE_H
#define JUDGE_H

#include "hook.h"

// True and the answer, or false and `error`. All of it is zero before.
bool describe(string_t config, capability_t *capability, hook_error_t *error);
bool observe(const observe_request_t *request, observation_t *observation, hook_error_t *error);

#endif
