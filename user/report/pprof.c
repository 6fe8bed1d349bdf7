// SPDX-License-Identifier: Apache-2.0
/*
 * profile.proto, gzip'ed. A Profile that is cut in pieces means the same as the whole (protobuf
 * merges them), so each string, function, location and sample leaves as soon as it is known and
 * only the tables of what was numbered stay in memory.
 *
 * Values of a sample: "goroutine", how many; "wait", a lower bound of the nanoseconds they have
 * waited, all together (the sum of what is known of each when the list of goroutines was taken,
 * else the longest one's alone); "stack", the bytes of their stacks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.pb-c.h"

#include "report/go_text.h"
#include "report/gzip.h"
#include "report/line.h"
#include "report/pprof_table.h"
#include "report/report.h"

enum { MAPPING = 1, VALUES = 3, PAGE = 4096 };

struct pprof {
	const struct snapshot *s;
	struct gzip gzip;
	struct arena *arena;
	struct pprof_table strings, functions, locations;
	uint8_t *buf;		/* packed pieces pass through it */
	size_t buf_size;
	uint64_t lowest, highest;	/* addresses of locations */
	uint64_t *waits;	/* ns by group; NULL when the goroutines were not listed */
	int err;		/* the first failure, sticky */
};

static void emit(struct pprof *p, const Pprof__Profile *piece)
{
	size_t n = pprof__profile__get_packed_size(piece);

	if (p->err)
		return;
	if (n > p->buf_size) {
		uint8_t *bigger = realloc(p->buf, 2 * n);

		if (!bigger) {
			p->err = -ENOMEM;
			return;
		}
		p->buf = bigger;
		p->buf_size = 2 * n;
	}
	pprof__profile__pack(piece, p->buf);
	p->err = gzip_write(&p->gzip, p->buf, n);
}

static uint64_t number(struct pprof *p, struct pprof_table *t, const void *key, size_t len,
		       bool *ret_new)
{
	uint64_t id = 0;

	*ret_new = false;
	if (!p->err)
		p->err = pprof_table_number(t, key, len, &id, ret_new);
	return id;
}

/* Index of a string of target bytes; NULL is index 0, "". */
static int64_t string(struct pprof *p, const char *s)
{
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	char *escaped = NULL;
	bool new;
	uint64_t id;

	if (!s || !*s)
		return 0;
	id = number(p, &p->strings, s, strlen(s), &new);
	if (!new)
		return (int64_t)id;
	/* go tool pprof prints strings as they are, control characters included. */
	if (!text_is_plain(s)) {
		escaped = text_escaped(s);
		if (!escaped)
			p->err = -ENOMEM;
	}
	piece.n_string_table = 1;
	piece.string_table = escaped ? &escaped : (char **)&s;
	emit(p, &piece);
	free(escaped);
	return (int64_t)id;
}

static uint64_t function(struct pprof *p, const struct frame *f)
{
	Pprof__Function fn = PPROF__FUNCTION__INIT, *fns = &fn;
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	const uint64_t key[] = { (uint64_t)string(p, f->function), (uint64_t)string(p, f->file),
				 f->start_line };
	bool new;

	fn.id = number(p, &p->functions, key, sizeof(key), &new);
	if (!new)
		return fn.id;
	fn.name = fn.system_name = (int64_t)key[0];
	fn.filename = (int64_t)key[1];
	fn.start_line = f->start_line;
	piece.n_function = 1;
	piece.function = &fns;
	emit(p, &piece);
	return fn.id;
}

static void emit_location(struct pprof *p, uint64_t id, uint64_t address, size_t n,
			  const uint64_t *functions_and_lines)
{
	Pprof__Line line[LIMIT_FRAMES], *lines[LIMIT_FRAMES];
	Pprof__Location location = PPROF__LOCATION__INIT, *locations = &location;
	Pprof__Profile piece = PPROF__PROFILE__INIT;

	for (size_t i = 0; i < n; i++) {
		pprof__line__init(&line[i]);
		line[i].function_id = functions_and_lines[2 * i];
		line[i].line = (int64_t)functions_and_lines[2 * i + 1];
		lines[i] = &line[i];
	}
	location.id = id;
	location.mapping_id = MAPPING;
	location.address = address;
	location.n_line = n;
	location.line = lines;
	piece.n_location = 1;
	piece.location = &locations;
	emit(p, &piece);
	if (address < p->lowest)
		p->lowest = address;
	if (address > p->highest)
		p->highest = address;
}

/*
 * The location of the physical frame that ends at frame `last`, with what is inlined from `first`
 * on. One address may show different lines: which wrappers are left out depends on the callee.
 */
static uint64_t location(struct pprof *p, const struct stack *s, uint32_t first, uint32_t last)
{
	uint64_t key[1 + 2 * LIMIT_FRAMES];
	size_t n = 0;
	bool new;
	uint64_t id;

	key[0] = go_call_pc(&s->frames[last]);
	for (uint32_t i = first; i <= last && n < LIMIT_FRAMES; i++) {
		if (!s->frames[i].function)
			continue;
		key[1 + 2 * n] = function(p, &s->frames[i]);
		key[2 + 2 * n] = s->frames[i].line;
		n++;
	}
	id = number(p, &p->locations, key, (1 + 2 * n) * sizeof(*key), &new);
	if (new)
		emit_location(p, id, key[0], n, key + 1);
	return id;
}

static size_t stack_locations(struct pprof *p, const struct stack *s, uint64_t ids[LIMIT_FRAMES])
{
	size_t n = 0;

	for (uint32_t i = 0, first = 0; i < s->n && n < LIMIT_FRAMES; i++) {
		if (!go_frame_is_physical(s, i))
			continue;
		ids[n++] = location(p, s, first, i);
		first = i + 1;
	}
	return n;
}

static void add_label(struct pprof *p, Pprof__Sample *sample, Pprof__Label *label,
		      const char *key, const char *value)
{
	if (!value)
		return;
	pprof__label__init(label);
	label->key = string(p, key);
	label->str = string(p, value);
	sample->label[sample->n_label++] = label;
}

static int64_t as_value(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void emit_sample(struct pprof *p, uint32_t group)
{
	const struct group *g = &p->s->groups[group];
	Pprof__Label label[LIMIT_LABELS + 3], *labels[LIMIT_LABELS + 3];
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples = &sample;
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	uint64_t ids[LIMIT_FRAMES];
	int64_t values[VALUES] = { as_value(g->count), 0, as_value(g->stack_bytes) };

	if (p->waits)
		values[1] = as_value(p->waits[group]);
	else if (g->oldest_wait_ns > 0)
		values[1] = g->oldest_wait_ns;
	sample.n_value = VALUES;
	sample.value = values;
	sample.n_location_id = stack_locations(p, &g->stack, ids);
	sample.location_id = ids;
	sample.label = labels;
	add_label(p, &sample, &label[0], "state", go_state_name(g->state));
	add_label(p, &sample, &label[1], "wait_reason", g->wait_reason);
	add_label(p, &sample, &label[2], "pattern", g->pattern);
	for (uint32_t i = 0; i < g->n_labels && i < LIMIT_LABELS; i++)
		add_label(p, &sample, &label[3 + i], g->labels[i].key, g->labels[i].value);
	piece.n_sample = 1;
	piece.sample = &samples;
	emit(p, &piece);
}

/* What is known of how long each group's goroutines have waited, summed. */
static void sum_waits(struct pprof *p)
{
	const struct snapshot *s = p->s;

	if (!s->goroutines || p->err)
		return;
	p->waits = calloc((size_t)s->n_groups + 1, sizeof(*p->waits));
	if (!p->waits) {
		p->err = -ENOMEM;
		return;
	}
	for (uint64_t i = 0; i < s->n_goroutines; i++)
		if (s->goroutines[i].group < s->n_groups && s->goroutines[i].wait_ns > 0 &&
		    __builtin_add_overflow(p->waits[s->goroutines[i].group],
					   (uint64_t)s->goroutines[i].wait_ns,
					   &p->waits[s->goroutines[i].group]))
			p->waits[s->goroutines[i].group] = UINT64_MAX;
}

static void emit_head(struct pprof *p)
{
	static const char *const types[VALUES][2] = {
		{ "goroutine", "count" }, { "wait", "nanoseconds" }, { "stack", "bytes" },
	};
	Pprof__ValueType type[VALUES], *type_list[VALUES];
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	const struct quality *q = &p->s->quality;
	char *empty = "";

	piece.n_string_table = 1;
	piece.string_table = &empty;
	emit(p, &piece);
	pprof__profile__init(&piece);
	for (int i = 0; i < VALUES; i++) {
		pprof__value_type__init(&type[i]);
		type[i].type = string(p, types[i][0]);
		type[i].unit = string(p, types[i][1]);
		type_list[i] = &type[i];
	}
	piece.n_sample_type = VALUES;
	piece.sample_type = type_list;
	piece.period_type = &type[0];
	piece.period = 1;
	piece.default_sample_type = type[0].type;
	piece.time_nanos = p->s->time.tv_sec * 1000000000 + p->s->time.tv_nsec;
	emit(p, &piece);
	for (uint32_t i = 0; i < q->n_notes; i++) {
		int64_t note = string(p, q->notes[i]);

		pprof__profile__init(&piece);
		piece.n_comment = 1;
		piece.comment = &note;
		emit(p, &piece);
	}
}

/*
 * One mapping for all: the file's name and build id, and that nothing is left to look up, so that
 * a reader does not ask for the binary.
 */
static void emit_mapping(struct pprof *p)
{
	const struct process_info *process = &p->s->process;
	Pprof__Mapping m = PPROF__MAPPING__INIT, *mappings = &m;
	Pprof__Profile piece = PPROF__PROFILE__INIT;

	m.id = MAPPING;
	if (p->lowest <= p->highest) {
		m.memory_start = p->lowest & ~(uint64_t)(PAGE - 1);
		m.memory_limit = p->highest | (PAGE - 1);
	}
	m.filename = string(p, process->module_file ? process->module_file : process->exe);
	m.build_id = string(p, process->build_id);
	m.has_functions = m.has_filenames = m.has_line_numbers = m.has_inline_frames = true;
	piece.n_mapping = 1;
	piece.mapping = &mappings;
	emit(p, &piece);
}

int report_pprof(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	struct pprof p = { .s = s, .lowest = UINT64_MAX, .arena = arena_new() };
	int r;

	(void)o;
	if (!p.arena)
		return -ENOMEM;
	p.strings.arena = p.functions.arena = p.locations.arena = p.arena;
	p.err = gzip_begin(&p.gzip, out);
	if (!p.err) {
		emit_head(&p);
		sum_waits(&p);
		for (uint32_t i = 0; i < s->n_groups && !p.err; i++)
			if (!s->groups[i].system)
				emit_sample(&p, i);
		emit_mapping(&p);
		r = gzip_end(&p.gzip);
		if (!p.err)
			p.err = r;
	}
	pprof_table_done(&p.strings);
	pprof_table_done(&p.functions);
	pprof_table_done(&p.locations);
	free(p.waits);
	free(p.buf);
	arena_free(p.arena);
	return p.err;
}
