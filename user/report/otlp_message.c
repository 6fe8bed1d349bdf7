// SPDX-License-Identifier: Apache-2.0
#include "report/otlp_message.h"

#include <stdlib.h>
#include <string.h>

#include "report/utf8.h"

uint64_t otlp_ns(struct timespec t)
{
	return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void *otlp_zeroed(struct otlp_maker *m, size_t size)
{
	void *ret = m->failed ? NULL : arena_alloc(m->arena, 1, size);

	if (!ret)
		m->failed = true;
	return ret;
}

void *otlp_grown(struct otlp_maker *m, void *all, size_t n)
{
	void **grown;

	if (n & (n - 1))
		return all;
	grown = m->failed ? NULL : arena_alloc(m->arena, n ? 2 * n : 1, sizeof(void *));
	if (!grown)
		m->failed = true;
	else if (n)
		memcpy(grown, all, n * sizeof(void *));
	return grown;
}

static char *repaired(struct otlp_maker *m, const char *s)
{
	char *copy = utf8_repair(s), *ret = copy ? arena_strdup(m->arena, copy) : NULL;

	free(copy);
	if (!ret)
		m->failed = true;
	return ret;
}

/* The most of s that is at most OTLP_TEXT bytes and does not end inside a character. */
static char *cut(struct otlp_maker *m, const char *s)
{
	size_t n = OTLP_TEXT;
	char *ret;

	while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	ret = arena_strndup(m->arena, s, n);
	if (!ret)
		m->failed = true;
	return ret;
}

char *otlp_text(struct otlp_maker *m, const char *s)
{
	size_t n = s ? strnlen(s, OTLP_TEXT + 1) : 0;
	char *ret = (char *)s;

	if (m->failed || n == 0)
		return (char *)"";
	/* Before it is looked at, for what follows could be megabytes of a target's. */
	if (n > OTLP_TEXT)
		ret = cut(m, s);
	if (ret && !utf8_valid(ret, strlen(ret)))
		ret = repaired(m, ret);
	return ret ? ret : (char *)"";
}

Otlp__AnyValue *otlp_value(struct otlp_maker *m, const char *text)
{
	Otlp__AnyValue *v = otlp_zeroed(m, sizeof(*v));

	if (!v)
		return NULL;
	otlp__any_value__init(v);
	v->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	v->string_value = otlp_text(m, text);
	return v;
}

static void add(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
		Otlp__AnyValue *value)
{
	Otlp__KeyValue *kv = otlp_zeroed(m, sizeof(*kv));
	Otlp__KeyValue **all = otlp_grown(m, a->all, a->n);

	if (!value || !kv || !all)
		return;
	otlp__key_value__init(kv);
	kv->key = (char *)key;
	kv->value = value;
	a->all = all;
	a->all[a->n++] = kv;
}

void otlp_attribute(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
		    const char *value)
{
	if (value && *value)
		add(m, a, key, otlp_value(m, value));
}

void otlp_attribute_int(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
			int64_t value)
{
	Otlp__AnyValue *v = otlp_zeroed(m, sizeof(*v));

	if (!v)
		return;
	otlp__any_value__init(v);
	v->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
	v->int_value = value;
	add(m, a, key, v);
}

void otlp_attribute_texts(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
			  const char *const *values, uint32_t n)
{
	Otlp__AnyValue *v = otlp_zeroed(m, sizeof(*v));
	Otlp__ArrayValue *list = otlp_zeroed(m, sizeof(*list));

	if (!v || !list || !n)
		return;
	otlp__any_value__init(v);
	otlp__array_value__init(list);
	for (uint32_t i = 0; i < n; i++) {
		Otlp__AnyValue **all = otlp_grown(m, list->values, list->n_values);
		Otlp__AnyValue *one = otlp_value(m, values[i]);

		if (!all || !one)
			return;
		list->values = all;
		list->values[list->n_values++] = one;
	}
	v->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
	v->array_value = list;
	add(m, a, key, v);
}

Otlp__Resource *otlp_resource(struct otlp_maker *m, const struct otlp_attributes *a)
{
	Otlp__Resource *r = otlp_zeroed(m, sizeof(*r));

	if (!r)
		return NULL;
	otlp__resource__init(r);
	r->attributes = a->all;
	r->n_attributes = a->n;
	return r;
}

Otlp__Scope *otlp_scope(struct otlp_maker *m, const char *version)
{
	Otlp__Scope *s = otlp_zeroed(m, sizeof(*s));

	if (!s)
		return NULL;
	otlp__scope__init(s);
	s->name = (char *)"loiter";
	s->version = otlp_text(m, version);
	return s;
}
