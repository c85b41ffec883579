#include "redact/kinds.h"

const struct shape shapes[SHAPE_ID__COUNT] = {
#define SHAPE(NAME, lead, flags, class, min, soft, what) \
	[SHAPE_ID_##NAME] = { #NAME, lead, flags, class, min, soft, what },
#include "redact/kinds.def"
#undef SHAPE
};
