// SPDX-License-Identifier: Apache-2.0
/* "memory": where the resident bytes are, and what the runtimes say of their heaps. */
#include "report/json_ledger.h"

#include "base/cleanup.h"
#include "model/c_memory.h"
#include "model/go_memory.h"

/* null when unknown */
static void put_bytes(struct jvalue *j, const char *key, uint64_t v)
{
	if (v == MEMORY_UNKNOWN)
		jvalue_null(j, key);
	else
		jvalue_u64(j, key, v);
}

static void put_part(struct jvalue *parts, enum memory_part part, uint64_t bytes, const char *file)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "name", memory_part_name(part));
	jvalue_u64(&j, "bytes", bytes);
	if (file)
		jvalue_string(&j, "file", file);
	jvalue_append(parts, &j);
}

/* Bytes of a file; those of the rest of the files come without a name. */
static uint64_t put_files(struct jvalue *parts, const struct memory_ledger *m,
			  enum memory_part part)
{
	uint64_t named = 0;

	for (uint32_t i = 0; i < m->n_files; i++) {
		const struct memory_file *f = &m->files[i];
		uint64_t bytes = part == MEMORY_FILE_TEXT ? f->text_bytes : f->data_bytes;

		if (!bytes || !f->path)
			continue;
		put_part(parts, part, bytes, f->path);
		named += bytes;
	}
	return named;
}

static struct jvalue parts_of(const struct memory_ledger *m)
{
	struct jvalue parts = jvalue_array();

	for (int i = 0; i < MEMORY_PARTS; i++) {
		enum memory_part part = (enum memory_part)i;
		uint64_t named = 0;

		if (m->part[i] == MEMORY_UNKNOWN)
			continue;
		if (part == MEMORY_FILE_TEXT || part == MEMORY_FILE_DATA)
			named = put_files(&parts, m, part);
		if (!named || named < m->part[i])
			put_part(&parts, part, m->part[i] - named, NULL);
	}
	return parts;
}

static struct jvalue size_classes(const struct go_memstats *g)
{
	struct jvalue all = jvalue_array();

	for (uint32_t i = 0; i < g->n_by_size && i < GO_SIZE_CLASSES; i++) {
		struct jvalue j;

		/* One that was never used says nothing. */
		if (!g->by_size[i].mallocs)
			continue;
		j = jvalue_object();
		jvalue_u64_known(&j, "size", g->by_size[i].size);
		put_bytes(&j, "mallocs", g->by_size[i].mallocs);
		put_bytes(&j, "frees", g->by_size[i].frees);
		jvalue_append(&all, &j);
	}
	return all;
}

static void put_seconds(struct jvalue *j, const char *key, uint64_t ns)
{
	if (ns == GO_MEM_UNKNOWN || ns > INT64_MAX)
		jvalue_null(j, key);
	else
		jvalue_age(j, key, (int64_t)ns);
}

/* Limits: absent when unknown, null when there is none. */
static void put_limits(struct jvalue *j, const struct go_memstats *g)
{
	if (g->next_gc_bytes != GO_MEM_UNKNOWN)
		put_bytes(j, "next_gc_bytes",
			  g->next_gc_bytes >= INT64_MAX ? MEMORY_UNKNOWN : g->next_gc_bytes);
	if (g->memory_limit_bytes != GO_MEM_UNKNOWN)
		put_bytes(j, "memory_limit_bytes", g->memory_limit_bytes >= INT64_MAX
							   ? MEMORY_UNKNOWN
							   : g->memory_limit_bytes);
	if (g->gogc == GO_GOGC_UNKNOWN)
		jvalue_null(j, "gogc");
	else
		jvalue_i64(j, "gogc", g->gogc);
}

static struct jvalue go_of(const struct go_memstats *g)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "heap_alloc_bytes", g->heap_alloc_bytes },
		{ "heap_inuse_bytes", g->heap_inuse_bytes },
		{ "heap_idle_bytes", g->heap_idle_bytes },
		{ "heap_released_bytes", g->heap_released_bytes },
		{ "heap_sys_bytes", g->heap_sys_bytes },
		{ "heap_objects", g->heap_objects },
		{ "heap_live_bytes", g->heap_live_bytes },
		{ "heap_marked_bytes", g->heap_marked_bytes },
		{ "stack_inuse_bytes", g->stack_inuse_bytes },
		{ "stack_sys_bytes", g->stack_sys_bytes },
		{ "mspan_inuse_bytes", g->mspan_inuse_bytes },
		{ "mspan_sys_bytes", g->mspan_sys_bytes },
		{ "mcache_inuse_bytes", g->mcache_inuse_bytes },
		{ "mcache_sys_bytes", g->mcache_sys_bytes },
		{ "buck_hash_sys_bytes", g->buck_hash_sys_bytes },
		{ "gc_sys_bytes", g->gc_sys_bytes },
		{ "work_bufs_bytes", g->work_bufs_bytes },
		{ "other_sys_bytes", g->other_sys_bytes },
		{ "sys_bytes", g->sys_bytes },
		{ "total_alloc_bytes", g->total_alloc_bytes },
		{ "mallocs", g->mallocs },
		{ "frees", g->frees },
		{ "num_gc", g->num_gc },
		{ "num_forced_gc", g->num_forced_gc },
	};
	struct jvalue j = jvalue_object(), classes;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		put_bytes(&j, numbers[i].key, numbers[i].value);
	put_limits(&j, g);
	put_seconds(&j, "last_gc_age_s", g->last_gc_age_ns);
	put_seconds(&j, "pause_total_s", g->pause_total_ns);
	jvalue_real(&j, "gc_cpu_fraction", g->gc_cpu_fraction, 6);
	jvalue_bool(&j, "stable", g->stable);
	if (g->n_by_size) {
		classes = size_classes(g);
		jvalue_put(&j, "by_size", &classes);
	}
	return j;
}

static struct jvalue arenas_of(const struct c_memory *c)
{
	struct jvalue all = jvalue_array();

	for (size_t i = 0; i < c->n_arenas; i++) {
		const struct c_arena *a = &c->arenas[i];
		struct jvalue j = jvalue_object();

		jvalue_bool(&j, "main", a->is_main);
		put_bytes(&j, "system_bytes", a->system_bytes);
		put_bytes(&j, "in_use_bytes", a->used_bytes);
		put_bytes(&j, "free_bytes", a->free_bytes);
		put_bytes(&j, "fastbin_bytes", a->fastbin_bytes);
		put_bytes(&j, "top_bytes", a->top_bytes);
		put_bytes(&j, "tcache_bytes", a->tcache_bytes);
		put_bytes(&j, "unknown_bytes", a->unknown_bytes);
		put_bytes(&j, "trimmable_bytes", a->trimmable_bytes);
		put_bytes(&j, "fragmented_bytes", a->fragmented_bytes);
		jvalue_append(&all, &j);
	}
	return all;
}

/* What is free in bins, in fastbins and at the ends of arenas; unknown when one of them is. */
static uint64_t free_in(const struct c_memory *c)
{
	if (c->free_bytes == MEMORY_UNKNOWN || c->fastbin_bytes == MEMORY_UNKNOWN ||
	    c->top_bytes == MEMORY_UNKNOWN)
		return MEMORY_UNKNOWN;
	return c->free_bytes + c->fastbin_bytes + c->top_bytes;
}

static struct jvalue c_of(const struct c_memory *c)
{
	struct jvalue j = jvalue_object(), arenas;

	jvalue_string(&j, "allocator", c_allocator_name(c->allocator));
	jvalue_string(&j, "version", c->version);
	if (!c->counted)
		return j;
	put_bytes(&j, "in_use_bytes", c->used_bytes);
	put_bytes(&j, "free_bytes", free_in(c));
	jvalue_u64(&j, "arenas", c->n_arenas);
	put_bytes(&j, "mmapped_bytes", c->mmapped_bytes);
	put_bytes(&j, "mmapped_chunks", c->mmapped_chunks);
	put_bytes(&j, "system_bytes", c->system_bytes);
	put_bytes(&j, "top_bytes", c->top_bytes);
	put_bytes(&j, "tcache_bytes", c->tcache_bytes);
	put_bytes(&j, "unknown_bytes", c->unknown_bytes);
	put_bytes(&j, "trimmable_bytes", c->trimmable_bytes);
	put_bytes(&j, "fragmented_bytes", c->fragmented_bytes);
	arenas = arenas_of(c);
	jvalue_put(&j, "by_arena", &arenas);
	return j;
}

struct jvalue json_ledger(const struct memory_ledger *m)
{
	struct jvalue j = jvalue_object(), part = parts_of(m), notes = jvalue_array();

	jvalue_u64(&j, "rss_bytes", m->rss_bytes);
	jvalue_put(&j, "parts", &part);
	put_bytes(&j, "unexplained_bytes", m->part[MEMORY_UNEXPLAINED]);
	jvalue_bool(&j, "by_page", m->by_page);
	jvalue_u64(&j, "rss_before_bytes", m->rss_before);
	jvalue_u64(&j, "rss_after_bytes", m->rss_after);
	jvalue_real(&j, "span_s", m->span_s, 6);
	put_bytes(&j, "swap_bytes", m->swap_bytes);
	put_bytes(&j, "huge_bytes", m->huge_bytes);
	put_bytes(&j, "hugetlb_bytes", m->hugetlb_bytes);
	put_bytes(&j, "zero_bytes", m->zero_bytes);
	if (m->lazyfree_bytes != MEMORY_UNKNOWN)
		jvalue_u64(&j, "lazyfree_bytes", m->lazyfree_bytes);
	if (m->go) {
		part = go_of(m->go);
		jvalue_put(&j, "go", &part);
	}
	if (m->c) {
		part = c_of(m->c);
		jvalue_put(&j, "c", &part);
	}
	for (uint32_t i = 0; i < m->n_notes; i++)
		jvalue_append_string(&notes, m->notes[i]);
	jvalue_put(&j, "notes", &notes);
	return j;
}
