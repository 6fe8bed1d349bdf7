/* SPDX-License-Identifier: Apache-2.0 */
/* What a value may be: parse functions for the rows of config_keys (daemon/config.h). */
#pragma once

#include "base/arena.h"
#include "daemon/config.h"

#define CONFIG_VALUE(name)                                                                     \
	int config_##name(const struct config_key *k, struct arena *a, const char *value,      \
			  void *field, struct diag *d)

CONFIG_VALUE(duration);		/* double, seconds from min to max */
CONFIG_VALUE(pause);		/* the same, or "no", which is 0 */
CONFIG_VALUE(percent);		/* double */
CONFIG_VALUE(bytes);		/* uint64_t, from min to max */
CONFIG_VALUE(count);		/* uint64_t, from min to max */
CONFIG_VALUE(yes_or_no);	/* bool */
CONFIG_VALUE(level);		/* enum log_level */
CONFIG_VALUE(listen);		/* struct address */
CONFIG_VALUE(path);		/* const char *, absolute */
CONFIG_VALUE(path_or_none);	/* the same, or "none", which is NULL */
CONFIG_VALUE(text);		/* const char *, printable */
CONFIG_VALUE(words);		/* struct config_words, printable */
CONFIG_VALUE(url);		/* const char *, http or https */
