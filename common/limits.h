/*
 * Every fixed deadline, count and size, from common/limits.def: LIMIT_X.
 * What can be configured is in common/conf.def.
 */
#ifndef COVEN_COMMON_LIMITS_H
#define COVEN_COMMON_LIMITS_H

enum limit {
#define LIMIT(NAME, value, unit, why)	LIMIT_##NAME = (value),
#include "common/limits.def"
#undef LIMIT
};

#endif
