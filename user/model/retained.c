// SPDX-License-Identifier: Apache-2.0
#include "model/retained.h"

const char *retainer_kind_name(enum retainer_kind k)
{
	static const char *const names[RETAINER_KINDS] = {
		[RETAINER_VARIABLE] = "variable",
		[RETAINER_GOROUTINES] = "goroutines",
		[RETAINER_RUNTIME] = "runtime",
	};

	return k < RETAINER_KINDS ? names[k] : "variable";
}
