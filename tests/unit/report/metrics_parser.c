// SPDX-License-Identifier: Apache-2.0
#include "metrics_parser.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/utf8.h"

enum { NAME_MAX_LEN = 100, FAMILIES_MAX = 200, LABELS_MAX = 16 };

struct reader {
	struct parsed_metrics *p;
	bool plain;
	char families[FAMILIES_MAX][NAME_MAX_LEN];	/* each only once */
	size_t n_families;
	char type[NAME_MAX_LEN];	/* of the current one; "" not said yet */
	bool has_series;
	size_t room;
};

static bool fail(struct reader *r, const char *what, const char *where)
{
	snprintf(r->p->error, sizeof(r->p->error), "%s: %.100s", what, where);
	return false;
}

/* --- Names and labels; each returns where it ends, or NULL --- */

static const char *read_name(const char *s, bool colons)
{
	if (!isalpha((uint8_t)*s) && *s != '_')
		return NULL;
	while (isalnum((uint8_t)*s) || *s == '_' || (colons && *s == ':'))
		s++;
	return s;
}

/* What stands between the quotes; and past the closing one. */
static const char *read_value(const char *s)
{
	while (*s != '"') {
		uint32_t c;
		size_t n = utf8_decode(s, strlen(s), &c);

		if (*s == '\\') {
			if (!s[1] || !strchr("\\\"n", s[1]))
				return NULL;
			s += 2;
			continue;
		}
		if (!n || !utf8_columns(c))
			return NULL;
		s += n;
	}
	return s + 1;
}

static bool is_new(const char *name, size_t len, const char *names[], size_t lens[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lens[i] == len && memcmp(names[i], name, len) == 0)
			return false;
	return true;
}

static const char *read_labels(const char *s)
{
	const char *names[LABELS_MAX];
	size_t lens[LABELS_MAX], n = 0;

	if (*s != '{')
		return s;
	do {
		const char *end = read_name(++s, false);

		if (!end || end[0] != '=' || end[1] != '"' || n == LABELS_MAX ||
		    !is_new(s, (size_t)(end - s), names, lens, n))
			return NULL;
		names[n] = s;
		lens[n++] = (size_t)(end - s);
		/* No label stands there without a value: that would be no label. */
		if (end[2] == '"')
			return NULL;
		s = read_value(end + 2);
	} while (s && *s == ',');
	return s && *s == '}' ? s + 1 : NULL;
}

/* --- Lines --- */

static bool begin_family(struct reader *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->n_families; i++)
		if (strlen(r->families[i]) == len && memcmp(r->families[i], name, len) == 0)
			return fail(r, "a family comes back", name);
	if (r->n_families == FAMILIES_MAX || len >= NAME_MAX_LEN)
		return fail(r, "too many families, or too long a name", name);
	if (r->n_families && !r->has_series)
		return fail(r, "a family without series before", name);
	memcpy(r->families[r->n_families], name, len);
	r->families[r->n_families++][len] = '\0';
	r->type[0] = '\0';
	r->has_series = false;
	return true;
}

static const char *current(const struct reader *r)
{
	return r->n_families ? r->families[r->n_families - 1] : "";
}

/* HELP begins a family; TYPE and UNIT are of the same one and come before its series. */
static bool read_meta(struct reader *r, const char *line)
{
	const char *name = line + 7, *end;
	size_t len;

	if (strncmp(line, "# HELP ", 7) && strncmp(line, "# TYPE ", 7) &&
	    (r->plain || strncmp(line, "# UNIT ", 7)))
		return fail(r, "no metadata that is known", line);
	end = read_name(name, true);
	if (!end || *end != ' ' || !end[1])
		return fail(r, "metadata without a name or a word", line);
	len = (size_t)(end - name);
	if (line[2] == 'H')
		return begin_family(r, name, len);
	if (strlen(current(r)) != len || memcmp(current(r), name, len) || r->has_series)
		return fail(r, "metadata out of place", line);
	if (line[2] == 'U') {
		size_t unit = strlen(end + 1);

		if (len > unit && memcmp(end - unit, end + 1, unit) == 0 &&
		    end[-(ptrdiff_t)unit - 1] == '_')
			return true;
		return fail(r, "a unit that the name lacks", line);
	}
	if (r->type[0] || (strcmp(end + 1, "gauge") && strcmp(end + 1, "counter") &&
			   (r->plain || strcmp(end + 1, "info"))))
		return fail(r, "a type too many, or an unknown one", line);
	snprintf(r->type, sizeof(r->type), "%s", end + 1);
	return true;
}

static bool name_fits(const struct reader *r, const char *name, size_t len)
{
	const char *family = current(r), *end = "";
	size_t n = strlen(family);

	if (!r->plain && strcmp(r->type, "counter") == 0)
		end = "_total";
	if (!r->plain && strcmp(r->type, "info") == 0)
		end = "_info";
	return r->type[0] && len == n + strlen(end) && memcmp(name, family, n) == 0 &&
	       memcmp(name + n, end, strlen(end)) == 0;
}

static bool add(struct reader *r, const char *line, size_t len, double value)
{
	struct parsed_metrics *p = r->p;

	if (p->n == r->room) {
		size_t room = 2 * r->room + 64;
		struct parsed_series *more = realloc(p->all, room * sizeof(*more));

		if (!more)
			return fail(r, "no memory", line);
		p->all = more;
		r->room = room;
	}
	p->all[p->n++] = (struct parsed_series){ .name = strndup(line, len), .value = value,
						 .counter = strcmp(r->type, "counter") == 0 };
	return true;
}

static bool read_series(struct reader *r, const char *line)
{
	const char *end = read_name(line, true), *labels_end;
	char *rest;
	double value;

	if (!end || !name_fits(r, line, (size_t)(end - line)))
		return fail(r, "a series that is not of its family", line);
	labels_end = read_labels(end);
	if (!labels_end || *labels_end != ' ')
		return fail(r, "labels", line);
	if (!isdigit((uint8_t)labels_end[1]) && labels_end[1] != '-')
		return fail(r, "no number", line);
	value = strtod(labels_end + 1, &rest);
	if (*rest || !isfinite(value))
		return fail(r, "no number", line);
	if (value < 0 && strcmp(r->type, "counter") == 0)
		return fail(r, "a counter below 0", line);
	if (strcmp(r->type, "info") == 0 && value != 1)
		return fail(r, "an info that is not 1", line);
	r->has_series = true;
	return add(r, line, (size_t)(labels_end - line), value);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct parsed_series *)a)->name,
		      ((const struct parsed_series *)b)->name);
}

static bool no_two_alike(struct reader *r)
{
	struct parsed_metrics *p = r->p;

	if (p->n)
		qsort(p->all, p->n, sizeof(*p->all), by_name);
	for (size_t i = 1; i < p->n; i++)
		if (strcmp(p->all[i - 1].name, p->all[i].name) == 0)
			return fail(r, "twice", p->all[i].name);
	return true;
}

static bool read_lines(struct reader *r, char *text)
{
	bool ended = false, good = true;

	for (char *line; good && (line = strsep(&text, "\n")) && text;) {
		if (ended)
			return fail(r, "something after # EOF", line);
		if (!r->plain && strcmp(line, "# EOF") == 0)
			ended = true;
		else if (*line == '#')
			good = read_meta(r, line);
		else
			good = read_series(r, line);
	}
	if (good && !r->plain && !ended)
		return fail(r, "no # EOF", "");
	return good;
}

bool metrics_parse(const char *text, size_t len, bool plain, struct parsed_metrics *p)
{
	struct reader *r = calloc(1, sizeof(*r));
	char *copy = strndup(text, len);
	bool good;

	*p = (struct parsed_metrics){ 0 };
	if (!r || !copy)
		abort();
	r->p = p;
	r->plain = plain;
	if (strlen(copy) != len)
		good = fail(r, "a NUL", "");
	else if (len && text[len - 1] != '\n')
		good = fail(r, "no newline at the end", "");
	else
		good = read_lines(r, copy) && no_two_alike(r);
	free(copy);
	free(r);
	return good;
}

void metrics_done(struct parsed_metrics *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->all[i].name);
	free(p->all);
	*p = (struct parsed_metrics){ 0 };
}

const struct parsed_series *metrics_find(const struct parsed_metrics *p, const char *name)
{
	struct parsed_series key = { .name = (char *)name };

	return p->n ? bsearch(&key, p->all, p->n, sizeof(key), by_name) : NULL;
}
