// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_values.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/quantity.h"

/* The bounds are told in the words of the default, which is of the same kind. */
static int out_of_bounds(const char *value, double n, const struct config_key *k, const char *unit,
			 double unit_is, struct diag *d)
{
	if (n < k->min)
		return diag_fail(d, -EINVAL, "%s is too little: %g%s at least", value,
				 k->min / unit_is, unit);
	return diag_fail(d, -EINVAL, "%s is too much: %g%s at most", value, k->max / unit_is, unit);
}

CONFIG_VALUE(duration)
{
	double s = 0;
	int r = quantity_duration(value, &s, d);

	(void)a;
	if (r < 0)
		return r;
	if (s < k->min || s > k->max)
		return out_of_bounds(value, s, k, "s", 1, d);
	*(double *)field = s;
	return 0;
}

CONFIG_VALUE(pause)
{
	if (strcmp(value, "no") != 0)
		return config_duration(k, a, value, field, d);
	*(double *)field = 0;
	return 0;
}

CONFIG_VALUE(percent)
{
	(void)k;
	(void)a;
	return quantity_percent(value, field, d);
}

CONFIG_VALUE(bytes)
{
	uint64_t n = 0;
	int r = quantity_bytes(value, &n, d);

	(void)a;
	if (r < 0)
		return r;
	if ((double)n < k->min || (double)n > k->max)
		return out_of_bounds(value, (double)n, k, "M", 1048576, d);
	*(uint64_t *)field = n;
	return 0;
}

CONFIG_VALUE(count)
{
	(void)a;
	return quantity_count(value, (uint64_t)k->min, (uint64_t)k->max, field, d);
}

CONFIG_VALUE(yes_or_no)
{
	bool yes = strcmp(value, "yes") == 0;

	(void)k;
	(void)a;
	if (!yes && strcmp(value, "no") != 0) {
		diag_fail(d, -EINVAL, "\"%s\" is neither", value);
		return diag_hint(d, -EINVAL, "give yes or no");
	}
	*(bool *)field = yes;
	return 0;
}

CONFIG_VALUE(level)
{
	(void)k;
	(void)a;
	for (enum log_level l = 0; l < SAY_LEVELS; l++)
		if (strcmp(value, log_level_name(l)) == 0) {
			*(enum log_level *)field = l;
			return 0;
		}
	diag_fail(d, -EINVAL, "there is no level \"%s\"", value);
	return diag_hint(d, -EINVAL, "give debug, info, notice, warning or error");
}

CONFIG_VALUE(listen)
{
	(void)k;
	(void)a;
	return address_parse(value, field, d);
}

static int copy(struct arena *a, const char *value, void *field)
{
	const char *s = arena_strdup(a, value);

	if (!s)
		return -ENOMEM;
	*(const char **)field = s;
	return 0;
}

CONFIG_VALUE(path)
{
	(void)k;
	if (value[0] != '/') {
		diag_fail(d, -EINVAL, "\"%s\" is not an absolute path", value);
		return diag_hint(d, -EINVAL, "begin it with a slash");
	}
	return copy(a, value, field);
}

CONFIG_VALUE(path_or_none)
{
	if (strcmp(value, "none") != 0)
		return config_path(k, a, value, field, d);
	*(const char **)field = NULL;
	return 0;
}

/* What goes to others by a protocol has nothing in it that could end a line there. */
static bool is_printable(const char *value)
{
	for (; *value; value++)
		if (!isprint((unsigned char)*value))
			return false;
	return true;
}

CONFIG_VALUE(text)
{
	(void)k;
	if (!is_printable(value))
		return diag_fail(d, -EINVAL, "not all of it is printable ASCII");
	return copy(a, value, field);
}

CONFIG_VALUE(words)
{
	size_t room = strlen(value) / 2 + 1;
	const char **all = arena_alloc(a, room, sizeof(*all));
	char *words = arena_strdup(a, value), *rest = NULL;
	struct config_words *w = field;

	(void)k;
	if (!is_printable(value))
		return diag_fail(d, -EINVAL, "not all of it is printable ASCII");
	if (!all || !words)
		return -ENOMEM;
	w->all = all;
	w->n = 0;
	for (char *one = strtok_r(words, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
		all[w->n++] = one;
	return 0;
}

CONFIG_VALUE(url)
{
	const char *host = NULL;

	(void)k;
	if (strncmp(value, "http://", 7) == 0)
		host = value + 7;
	else if (strncmp(value, "https://", 8) == 0)
		host = value + 8;
	if (!host || !*host || *host == '/' || !is_printable(value) || strchr(value, ' ')) {
		diag_fail(d, -EINVAL, "\"%s\" is not an address of HTTP", value);
		return diag_hint(d, -EINVAL, "give one like http://127.0.0.1:4318");
	}
	return copy(a, value, field);
}
