// SPDX-License-Identifier: Apache-2.0
#include "report/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/utf8.h"

struct jvalue jvalue_object(void)
{
	struct json_object *o = json_object_new_object();

	return (struct jvalue){ .o = o, .failed = !o };
}

struct jvalue jvalue_array(void)
{
	struct json_object *o = json_object_new_array();

	return (struct jvalue){ .o = o, .failed = !o };
}

void jvalue_done(struct jvalue *j)
{
	json_object_put(j->o);
	j->o = NULL;
}

/* Takes v, NULL being a failed allocation. */
static void add(struct jvalue *j, const char *key, struct json_object *v)
{
	if (!v || j->failed ||
	    json_object_object_add_ex(j->o, key, v,
				      JSON_C_OBJECT_ADD_KEY_IS_NEW |
					      JSON_C_OBJECT_ADD_CONSTANT_KEY) < 0) {
		json_object_put(v);
		j->failed = true;
	}
}

void jvalue_null(struct jvalue *j, const char *key)
{
	if (!j->failed && json_object_object_add(j->o, key, NULL) < 0)
		j->failed = true;
}

void jvalue_bool(struct jvalue *j, const char *key, bool v)
{
	add(j, key, json_object_new_boolean(v));
}

void jvalue_u64(struct jvalue *j, const char *key, uint64_t v)
{
	add(j, key, json_object_new_uint64(v));
}

void jvalue_u64_known(struct jvalue *j, const char *key, uint64_t v)
{
	if (v)
		jvalue_u64(j, key, v);
	else
		jvalue_null(j, key);
}

void jvalue_i64(struct jvalue *j, const char *key, int64_t v)
{
	add(j, key, json_object_new_int64(v));
}

void jvalue_count(struct jvalue *j, const char *key, int64_t v)
{
	if (v >= 0)
		jvalue_i64(j, key, v);
	else
		jvalue_null(j, key);
}

/* v / 10^decimals. Not through printf("%f"): the decimal point is the locale's there. */
static void add_decimals(struct jvalue *j, const char *key, int64_t v, unsigned int decimals)
{
	uint64_t abs = v < 0 ? -(uint64_t)v : (uint64_t)v, scale = 1;
	char digits[48];

	for (unsigned int i = 0; i < decimals; i++)
		scale *= 10;
	snprintf(digits, sizeof(digits), "%s%" PRIu64 ".%0*" PRIu64, v < 0 ? "-" : "", abs / scale,
		 (int)decimals, abs % scale);
	add(j, key, json_object_new_double_s((double)v / (double)scale, digits));
}

void jvalue_milli(struct jvalue *j, const char *key, int64_t thousandths)
{
	add_decimals(j, key, thousandths, 3);
}

void jvalue_real(struct jvalue *j, const char *key, double v, unsigned int decimals)
{
	double scaled = v;

	for (unsigned int i = 0; i < decimals; i++)
		scaled *= 10;
	if (isfinite(scaled) && fabs(scaled) < 9e18)
		add_decimals(j, key, (int64_t)llround(scaled), decimals);
	else
		jvalue_null(j, key);
}

void jvalue_age(struct jvalue *j, const char *key, int64_t ns)
{
	if (ns == WAIT_UNKNOWN)
		jvalue_null(j, key);
	else
		jvalue_milli(j, key, ns / 1000000);
}

void jvalue_time_left(struct jvalue *j, const char *key, int64_t ns)
{
	if (ns == TIME_UNKNOWN)
		jvalue_null(j, key);
	else
		jvalue_milli(j, key, ns / 1000000);
}

/* NULL when memory is short. */
static struct json_object *new_string(const char *s)
{
	size_t n = strlen(s);
	struct json_object *o;
	char *repaired;

	if (n > INT32_MAX / 3)
		n = INT32_MAX / 3;
	if (utf8_valid(s, n))
		return json_object_new_string_len(s, (int)n);
	repaired = utf8_repair(s);
	if (!repaired)
		return NULL;
	o = json_object_new_string(repaired);
	free(repaired);
	return o;
}

void jvalue_string(struct jvalue *j, const char *key, const char *s)
{
	if (s)
		add(j, key, new_string(s));
	else
		jvalue_null(j, key);
}

const char *json_time(const struct timespec *t, char *buf)
{
	char when[40];
	struct tm tm;

	if (!gmtime_r(&t->tv_sec, &tm) || !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm))
		return NULL;
	snprintf(buf, JSON_TIME, "%s.%03ldZ", when, t->tv_nsec / 1000000 % 1000);
	return buf;
}

void jvalue_addr(struct jvalue *j, const char *key, uint64_t addr)
{
	char hex[20];

	snprintf(hex, sizeof(hex), "0x%" PRIx64, addr);
	jvalue_string(j, key, addr ? hex : NULL);
}

void jvalue_put(struct jvalue *j, const char *key, struct jvalue *v)
{
	struct json_object *o = v->failed ? NULL : v->o;

	if (v->failed)
		json_object_put(v->o);
	v->o = NULL;
	add(j, key, o);
}

void jvalue_add_count(struct jvalue *j, const char *key, uint64_t v)
{
	char *name = utf8_repair(key);
	struct json_object *old, *o;

	if (!name || j->failed) {
		j->failed = true;
		free(name);
		return;
	}
	if (json_object_object_get_ex(j->o, name, &old))
		v += json_object_get_uint64(old);
	o = json_object_new_uint64(v);
	if (!o || json_object_object_add(j->o, name, o) < 0) {
		json_object_put(o);
		j->failed = true;
	}
	free(name);
}

void jvalue_add_string(struct jvalue *j, const char *key, const char *s)
{
	char *name = utf8_repair(key);
	struct json_object *o = new_string(s);

	if (!name || !o || j->failed || json_object_object_add(j->o, name, o) < 0) {
		json_object_put(o);
		j->failed = true;
	}
	free(name);
}

static void append(struct jvalue *j, struct json_object *v)
{
	if (!v || j->failed || json_object_array_add(j->o, v) < 0) {
		json_object_put(v);
		j->failed = true;
	}
}

void jvalue_append_string(struct jvalue *j, const char *s)
{
	append(j, new_string(s));
}

void jvalue_append_u64(struct jvalue *j, uint64_t v)
{
	append(j, json_object_new_uint64(v));
}

void jvalue_append(struct jvalue *j, struct jvalue *v)
{
	struct json_object *o = v->failed ? NULL : v->o;

	if (v->failed)
		json_object_put(v->o);
	v->o = NULL;
	append(j, o);
}

/*
 * What a terminal would act upon (DEL, C1, bidi and zero-width characters) as \u, which means the
 * same: json-c does so with C0 alone. Such bytes stand inside of strings only.
 */
static void print_escaped(const char *text, FILE *out)
{
	size_t n = strlen(text), plain = 0;

	while (plain < n) {
		uint32_t c = (uint8_t)text[plain];
		size_t len = c < 0x7f ? 1 : utf8_decode(text + plain, n - plain, &c);

		if (c < 0x7f || (len && utf8_columns(c))) {
			plain += len;
			continue;
		}
		fwrite(text, 1, plain, out);
		if (c < 0x10000)
			fprintf(out, "\\u%04" PRIx32, c);
		else
			fprintf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd7c0 + (c >> 10),
				0xdc00 + (c & 0x3ff));
		text += plain + (len ? len : 1);
		n -= plain + (len ? len : 1);
		plain = 0;
	}
	fwrite(text, 1, plain, out);
}

int jvalue_print(struct jvalue *j, FILE *out)
{
	const char *text = NULL;

	if (!j->failed)
		text = json_object_to_json_string_ext(j->o, JSON_C_TO_STRING_SPACED |
								    JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		print_escaped(text, out);
	jvalue_done(j);
	if (!text)
		return -ENOMEM;
	return ferror(out) ? -EIO : 0;
}

int json_member(FILE *out, const char *key, struct jvalue *v)
{
	fprintf(out, ",\n\"%s\": ", key);
	return jvalue_print(v, out);
}

int json_array_member(FILE *out, const char *key, const void *of, uint64_t n,
		      struct jvalue (*element)(const void *of, uint64_t i))
{
	fprintf(out, ",\n\"%s\": [", key);
	for (uint64_t i = 0; i < n; i++) {
		struct jvalue j = element(of, i);
		int r;

		fputs(i ? ",\n" : "\n", out);
		r = jvalue_print(&j, out);
		if (r < 0)
			return r;
		if (ferror(out))
			return -EIO;
	}
	fputs("]", out);
	return 0;
}
