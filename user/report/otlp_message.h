/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of otlp.proto, built in an arena and packed. Strings become valid UTF-8, for a
 * collector refuses the whole request otherwise. A maker's failure (no memory) is sticky.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/arena.h"
#include "otlp.pb-c.h"

/* Bytes of one string; what is longer is cut. */
enum { OTLP_TEXT = 4096 };

struct otlp_maker {
	struct arena *arena;
	bool failed;
};

/* Borrows s where it can, until the message is packed, as all below do. NULL becomes "". */
char *otlp_text(struct otlp_maker *m, const char *s);

struct otlp_attributes {
	Otlp__KeyValue **all;
	size_t n;
};

/* Keys are literals. No attribute when the value is NULL or empty. */
void otlp_attribute(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
		    const char *value);
void otlp_attribute_int(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
			int64_t value);
/* An array of strings; none when n is 0. */
void otlp_attribute_texts(struct otlp_maker *m, struct otlp_attributes *a, const char *key,
			  const char *const *values, uint32_t n);
Otlp__AnyValue *otlp_value(struct otlp_maker *m, const char *text);

/* Nanoseconds since 1970; 0 before. */
uint64_t otlp_ns(struct timespec t);

/* Zeroed; NULL: no memory, and the maker has failed. */
void *otlp_zeroed(struct otlp_maker *m, size_t size);
/* Room for one more pointer behind n of them; NULL likewise. */
void *otlp_grown(struct otlp_maker *m, void *all, size_t n);

Otlp__Resource *otlp_resource(struct otlp_maker *m, const struct otlp_attributes *a);
Otlp__Scope *otlp_scope(struct otlp_maker *m, const char *version);
