// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "analysis/heap_sites.h"
#include "report/pprof_writer.h"
#include "report/report.h"

enum { VALUES = 4 };

static void emit_values(struct pprof *p, const struct stack *stack, const struct heap_estimate *e,
			uint64_t object_bytes)
{
	int64_t values[VALUES] = { e->alloc_objects, e->alloc_bytes, e->inuse_objects,
				   e->inuse_bytes };
	Pprof__Label label, *labels[1];
	Pprof__Sample sample = PPROF__SAMPLE__INIT;
	uint64_t ids[LIMIT_FRAMES];

	sample.n_value = VALUES;
	sample.value = values;
	sample.n_location_id = pprof_stack(p, stack, ids);
	sample.location_id = ids;
	sample.label = labels;
	/* pprof knows this key to be a size. */
	if (object_bytes)
		pprof_number(p, &sample, &label, "bytes", (int64_t)object_bytes);
	pprof_sample(p, &sample);
}

static void emit_sites(struct pprof *p, const struct heap_profile *h)
{
	struct frame frames[LIMIT_FRAMES];
	struct stack stack;

	for (size_t i = 0; i < h->n_sites && !p->err; i++) {
		struct heap_estimate e = heap_site_estimate(h, &h->sites[i]);

		heap_site_stack(h, &h->sites[i], frames, &stack);
		emit_values(p, &stack, &e, h->sites[i].object_bytes);
	}
}

static int64_t as_value(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Something that is no function, as one. */
static void emit_named(struct pprof *p, const char *name, uint64_t objects, uint64_t bytes,
		       uint64_t object_bytes)
{
	const struct heap_estimate e = { .inuse_objects = as_value(objects),
					 .inuse_bytes = as_value(bytes) };
	const struct frame frame = { .function = name };
	const struct stack stack = { &frame, 1, false };

	if (bytes)
		emit_values(p, &stack, &e, object_bytes);
}

static void emit_shares(struct pprof *p, const struct heap_profile *h)
{
	char name[LIMIT_NAME + 16];

	for (size_t i = 0; i < h->n_types && !p->err; i++) {
		snprintf(name, sizeof(name), "type %s", h->types[i].type);
		emit_named(p, name, h->types[i].objects, h->types[i].bytes, 0);
	}
	for (size_t i = 0; i < h->n_classes && !p->err; i++) {
		const struct heap_share *c = &h->classes[i];

		if (c->object_bytes)
			snprintf(name, sizeof(name), "objects of %" PRIu64 " bytes",
				 c->object_bytes);
		else
			snprintf(name, sizeof(name), "large objects");
		emit_named(p, name, c->objects - c->typed_objects, c->bytes - c->typed_bytes,
			   c->object_bytes);
	}
}

static void emit_comments(struct pprof *p, const struct heap_profile *h)
{
	if (h->why)
		pprof_comment(p, h->why);
	if (h->state != HEAP_PROFILE_READ && h->n_classes)
		pprof_comment(p, "in its place: what lives by type, and by size class where the "
				 "type is not known; nothing is known of what was freed");
	if (h->types_estimated)
		pprof_comment(p, "the numbers of the types are estimates: one in several objects "
				 "was looked at");
	if (h->before_first_gc)
		pprof_comment(p, "no collection has been completed: what was freed is not known");
	if (h->unsettled)
		pprof_comment(p, "the runtime published new numbers under every attempt to read "
				 "them: two cycles may be mixed");
	if (h->cut)
		pprof_comment(p, "the program has more allocation sites than are read: the sums "
				 "are lower bounds");
	if (h->odd)
		pprof_comment(p, "some allocation sites contradict themselves and are left out");
}

int report_pprof_heap(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	static const char *const types[VALUES][2] = {
		{ "alloc_objects", "count" }, { "alloc_space", "bytes" },
		{ "inuse_objects", "count" }, { "inuse_space", "bytes" },
	};
	static const char *const space[2] = { "space", "bytes" };
	const struct heap_profile *h = s->heap_profile;
	struct pprof_head head = {
		.types = types,
		.n_types = VALUES,
		.default_type = types[VALUES - 1][0],
		.period_type = space,
		.time = s->time,
	};
	struct pprof p;

	(void)o;
	if (!h)
		return -EINVAL;
	head.period = h->state == HEAP_PROFILE_READ ? h->rate : 0;
	if (pprof_begin(&p, out, &head) == 0) {
		emit_comments(&p, h);
		if (h->state == HEAP_PROFILE_READ)
			emit_sites(&p, h);
		else
			emit_shares(&p, h);
	}
	return pprof_end(&p, &s->process);
}
