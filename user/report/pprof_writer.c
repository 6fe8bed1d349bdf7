// SPDX-License-Identifier: Apache-2.0
#include "report/pprof_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/go_text.h"
#include "report/line.h"

enum { MAPPING = 1, MAX_TYPES = 4, PAGE = 4096 };

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

int64_t pprof_string(struct pprof *p, const char *s)
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
	const uint64_t key[] = { (uint64_t)pprof_string(p, f->function),
				 (uint64_t)pprof_string(p, f->file), f->start_line };
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

size_t pprof_stack(struct pprof *p, const struct stack *s, uint64_t ids[LIMIT_FRAMES])
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

void pprof_label(struct pprof *p, Pprof__Sample *sample, Pprof__Label *room, const char *key,
		 const char *value)
{
	if (!value)
		return;
	pprof__label__init(room);
	room->key = pprof_string(p, key);
	room->str = pprof_string(p, value);
	sample->label[sample->n_label++] = room;
}

void pprof_number(struct pprof *p, Pprof__Sample *sample, Pprof__Label *room, const char *key,
		  int64_t value)
{
	pprof__label__init(room);
	room->key = pprof_string(p, key);
	room->num = value;
	sample->label[sample->n_label++] = room;
}

void pprof_sample(struct pprof *p, Pprof__Sample *sample)
{
	Pprof__Profile piece = PPROF__PROFILE__INIT;

	piece.n_sample = 1;
	piece.sample = &sample;
	emit(p, &piece);
}

void pprof_comment(struct pprof *p, const char *text)
{
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	int64_t comment = pprof_string(p, text);

	piece.n_comment = 1;
	piece.comment = &comment;
	emit(p, &piece);
}

static void set_type(struct pprof *p, Pprof__ValueType *t, const char *const names[2])
{
	pprof__value_type__init(t);
	t->type = pprof_string(p, names[0]);
	t->unit = pprof_string(p, names[1]);
}

static void emit_head(struct pprof *p, const struct pprof_head *h)
{
	Pprof__ValueType type[MAX_TYPES + 1], *type_list[MAX_TYPES];
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	char *empty = "";

	piece.n_string_table = 1;
	piece.string_table = &empty;
	emit(p, &piece);
	pprof__profile__init(&piece);
	for (size_t i = 0; i < h->n_types && i < MAX_TYPES; i++) {
		set_type(p, &type[i], h->types[i]);
		type_list[piece.n_sample_type++] = &type[i];
	}
	piece.sample_type = type_list;
	set_type(p, &type[MAX_TYPES], h->period_type);
	piece.period_type = &type[MAX_TYPES];
	piece.period = h->period;
	piece.default_sample_type = pprof_string(p, h->default_type);
	piece.time_nanos = h->time.tv_sec * 1000000000 + h->time.tv_nsec;
	emit(p, &piece);
}

int pprof_begin(struct pprof *p, FILE *out, const struct pprof_head *head)
{
	*p = (struct pprof){ .lowest = UINT64_MAX, .arena = arena_new() };
	if (!p->arena) {
		p->err = -ENOMEM;
		return p->err;
	}
	p->strings.arena = p->functions.arena = p->locations.arena = p->arena;
	p->err = gzip_begin(&p->gzip, out);
	p->begun = p->err == 0;
	emit_head(p, head);
	return p->err;
}

/*
 * One mapping for all: the file's name and build id, and that nothing is left to look up, so that
 * a reader does not ask for the binary.
 */
static void emit_mapping(struct pprof *p, const struct process_info *process)
{
	Pprof__Mapping m = PPROF__MAPPING__INIT, *mappings = &m;
	Pprof__Profile piece = PPROF__PROFILE__INIT;

	m.id = MAPPING;
	if (p->lowest <= p->highest) {
		m.memory_start = p->lowest & ~(uint64_t)(PAGE - 1);
		m.memory_limit = p->highest | (PAGE - 1);
	}
	m.filename = pprof_string(p, process->module_file ? process->module_file : process->exe);
	m.build_id = pprof_string(p, process->build_id);
	m.has_functions = m.has_filenames = m.has_line_numbers = m.has_inline_frames = true;
	piece.n_mapping = 1;
	piece.mapping = &mappings;
	emit(p, &piece);
}

int pprof_end(struct pprof *p, const struct process_info *process)
{
	if (p->begun) {
		int r;

		emit_mapping(p, process);
		r = gzip_end(&p->gzip);
		if (!p->err)
			p->err = r;
	}
	pprof_table_done(&p->strings);
	pprof_table_done(&p->functions);
	pprof_table_done(&p->locations);
	free(p->buf);
	arena_free(p->arena);
	return p->err;
}
