// SPDX-License-Identifier: Apache-2.0
#include "report/openmetrics_text.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* The next character of n bytes, as it is shown: *from, its bytes there; returns those of raw. */
static size_t next_shown(const char *raw, size_t n, const char **from, size_t *len)
{
	uint32_t c;
	size_t took;

	*from = raw;
	*len = 1;
	if ((*raw >= 0x20 && *raw < 0x7f) || *raw == '\n')
		return 1;
	took = utf8_decode(raw, n, &c);
	*len = took;
	if (!took || !utf8_columns(c)) {
		*from = UTF8_REPLACEMENT;
		*len = strlen(UTF8_REPLACEMENT);
	}
	return took ? took : 1;
}

char *metric_clean(const char *raw, char buf[METRIC_VALUE])
{
	/* More than this need not be looked at to know that it is too long. */
	size_t left = strnlen(raw, 2 * METRIC_VALUE), at = 0, fits = 0;

	while (left) {
		const char *from;
		size_t len, took = next_shown(raw, left, &from, &len);

		if (at + len >= METRIC_VALUE) {
			strcpy(buf + fits, ELLIPSIS);
			return buf;
		}
		memcpy(buf + at, from, len);
		at += len;
		if (at + strlen(ELLIPSIS) < METRIC_VALUE)
			fits = at;
		raw += took;
		left -= took;
	}
	buf[at] = '\0';
	return buf;
}

static void put_value(FILE *out, const char *raw)
{
	char clean[METRIC_VALUE], escaped[2 * METRIC_VALUE], *to = escaped;

	for (const char *s = metric_clean(raw, clean); *s; s++) {
		if (*s == '"' || *s == '\\' || *s == '\n')
			*to++ = '\\';
		*to++ = *s == '\n' ? 'n' : *s;
	}
	fwrite(escaped, 1, (size_t)(to - escaped), out);
}

static bool ends_in(const char *s, size_t n, const char *end)
{
	size_t len = strlen(end);

	return n > len && memcmp(s + n - len, end, len) == 0;
}

/* OpenMetrics names a family without what its type adds, and says which unit the name ends in. */
static void head(struct metric_text *t)
{
	static const char *const types[] = { "gauge", "counter", "info" };
	static const char *const units[] = { "_seconds", "_bytes" };
	const struct metric *f = t->family;
	const char *type = types[f->type];
	size_t n = strlen(f->name);

	if (t->plain && f->type == METRIC_INFO)
		type = types[METRIC_GAUGE];
	if (!t->plain && f->type == METRIC_COUNTER)
		n -= strlen("_total");
	if (!t->plain && f->type == METRIC_INFO)
		n -= strlen("_info");
	fprintf(t->out, "# HELP %.*s %s\n", (int)n, f->name, f->help);
	fprintf(t->out, "# TYPE %.*s %s\n", (int)n, f->name, type);
	for (size_t i = 0; !t->plain && i < ARRAY_SIZE(units); i++)
		if (ends_in(f->name, n, units[i]))
			fprintf(t->out, "# UNIT %.*s %s\n", (int)n, f->name, units[i] + 1);
}

void metric_begin(struct metric_text *t, const struct metric *family)
{
	t->family = family;
	t->headed = false;
}

static void put_labels(FILE *out, const struct metric_label *labels, size_t n)
{
	const char *before = "{";

	for (size_t i = 0; i < n; i++) {
		if (!labels[i].value || !*labels[i].value)
			continue;
		fprintf(out, "%s%s=\"", before, labels[i].name);
		put_value(out, labels[i].value);
		fputc('"', out);
		before = ",";
	}
	if (*before == ',')
		fputc('}', out);
}

static bool has_room(struct metric_text *t)
{
	if (t->series >= t->series_max) {
		t->dropped++;
		return false;
	}
	t->series++;
	return true;
}

static void print_series(struct metric_text *t, const struct metric_label *labels, size_t n,
			 double value)
{
	if (!t->headed)
		head(t);
	t->headed = true;
	fputs(t->family->name, t->out);
	put_labels(t->out, labels, n);
	/* Fifteen digits: counts are exact, a time of day has its milliseconds, and 0.1 is 0.1. */
	fprintf(t->out, " %.15g\n", value);
}

void metric_put(struct metric_text *t, const struct metric_label *labels, size_t n, double value)
{
	if (!isfinite(value) || !has_room(t))
		return;
	if (t->take)
		t->take(t, labels, n, value);
	else if (t->out)
		print_series(t, labels, n, value);
}

void metric_end(struct metric_text *t)
{
	if (t->out && !t->plain)
		fputs("# EOF\n", t->out);
}
