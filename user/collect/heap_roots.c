// SPDX-License-Identifier: Apache-2.0
#include "collect/heap_roots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "goruntime/pointers.h"
#include "model/limits.h"

#define WINDOW (64u << 10)

int heap_roots_init(struct heap_roots *r, struct arena *a, uint64_t max_seeds)
{
	*r = (struct heap_roots){ .max_seeds = max_seeds };
	return grouping_init(&r->sites, a);
}

void heap_roots_done(struct heap_roots *r)
{
	variables_free(r->variables);
	grouping_done(&r->sites);
	free(r->seeds);
	free(r->ranks);
	free(r->all);
	*r = (struct heap_roots){ 0 };
}

static uint32_t rank_of(enum retainer_kind k)
{
	return k == RETAINER_VARIABLE     ? RANK_VARIABLE
	       : k == RETAINER_GOROUTINES ? RANK_GOROUTINES
					  : RANK_RUNTIME;
}

int heap_roots_add(struct heap_roots *r, const struct heap_root *root, uint32_t *ret)
{
	if (r->n == LIMIT_ROOTS) {
		*ret = r->n - 1;
		return 0;
	}
	if (r->n == r->room) {
		uint32_t room = r->room ? r->room * 2 : 1024;
		struct heap_root *all = realloc(r->all, room * sizeof(*all));
		struct retain_root *ranks;

		if (!all)
			return -ENOMEM;
		r->all = all;
		ranks = realloc(r->ranks, room * sizeof(*ranks));
		if (!ranks)
			return -ENOMEM;
		r->ranks = ranks;
		r->room = room;
	}
	r->all[r->n] = *root;
	r->ranks[r->n] = (struct retain_root){ .rank = rank_of(root->kind) };
	*ret = r->n++;
	return 0;
}

static int point_to_node(struct heap_roots *r, uint32_t root, uint32_t node)
{
	struct root_edge *last = r->n_seeds ? &r->seeds[r->n_seeds - 1] : NULL;

	if (last && last->root == root && last->node == node)
		return 0;
	if (r->n_seeds == r->seeds_room) {
		size_t room = r->seeds_room ? r->seeds_room * 2 : 4096;
		struct root_edge *seeds;

		if (room > r->max_seeds)
			return -E2BIG;
		seeds = realloc(r->seeds, room * sizeof(*seeds));
		if (!seeds)
			return -ENOMEM;
		r->seeds = seeds;
		r->seeds_room = room;
	}
	r->seeds[r->n_seeds++] = (struct root_edge){ root, node };
	return 0;
}

int heap_roots_point(struct heap_roots *r, const struct object_graph *g, uint32_t root,
		     uint64_t addr)
{
	uint32_t node = object_graph_find(g, addr);

	return node == EDGES_NO_NODE ? 0 : point_to_node(r, root, node);
}

/* --- Variables --- */

struct section {
	uint64_t start, end;
	const uint64_t *mask;	/* NULL: each word may be a pointer */
};

/* Packages whose variables are the runtime's own doing. */
static bool is_runtimes(const char *name)
{
	return strncmp(name, "runtime.", 8) == 0 || strncmp(name, "runtime/", 8) == 0 ||
	       strncmp(name, "internal/runtime/", 17) == 0;
}

/* The root that the word at addr belongs to; *at is the one of the word before. */
static int root_of_word(struct heap_roots *r, const struct retention_source *src, uint64_t addr,
			struct arena *scratch, uint32_t *at)
{
	struct heap_root root = { .kind = RETAINER_VARIABLE, .addr = addr };

	if (r->variables)
		root.symbol = variables_find(r->variables, addr - src->rt->md.bias);
	if (root.symbol) {
		const char *name;

		if (*at != UINT32_MAX && r->all[*at].symbol == root.symbol)
			return 0;
		name = variables_name(r->variables, root.symbol, scratch);
		if (name && is_runtimes(name))
			root.kind = RETAINER_RUNTIME;
	}
	return heap_roots_add(r, &root, at);
}

static int scan_window(struct heap_roots *r, const struct retention_source *src,
		       const struct object_graph *g, const struct section *s, uint64_t addr,
		       struct span bytes, struct arena *scratch, uint32_t *at)
{
	for (size_t i = 0; i + 8 <= bytes.len; i += 8) {
		uint64_t word = (addr + i - s->start) / 8, value;
		uint32_t node;
		int n;

		if (s->mask && !(s->mask[word / 64] >> word % 64 & 1))
			continue;
		value = span_u64(&bytes, i);
		node = value ? object_graph_find(g, value) : EDGES_NO_NODE;
		if (node == EDGES_NO_NODE)
			continue;
		n = root_of_word(r, src, addr + i, scratch, at);
		if (n == 0)
			n = point_to_node(r, *at, node);
		if (n < 0)
			return n;
	}
	return 0;
}

static int scan_section(struct heap_roots *r, const struct retention_source *src,
			const struct object_graph *g, const struct section *s)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	uint8_t *bytes = malloc(WINDOW);
	uint32_t at = UINT32_MAX;
	int n = bytes && scratch ? 0 : -ENOMEM;

	for (uint64_t addr = s->start; addr < s->end && n == 0; addr += WINDOW) {
		size_t len = s->end - addr < WINDOW ? s->end - addr : WINDOW;

		n = mem_read(src->rt->live, addr, bytes, len);
		if (n == 0)
			n = scan_window(r, src, g, s, addr, span_of(bytes, len), scratch, &at);
		else if (n == -EFAULT)
			n = 0;	/* a hole in the module's data: nothing there to point with */
	}
	free(bytes);
	return n;
}

int heap_roots_add_variables(struct heap_roots *r, const struct retention_source *src,
			     const struct object_graph *g, struct diag *d)
{
	const struct moduledata *md = &src->rt->md;
	const uint64_t ranges[2][2] = { { md->data - md->bias, md->edata - md->bias },
					{ md->bss - md->bias, md->ebss - md->bias } };
	struct module_masks masks;
	struct section data = { md->data, md->edata, NULL }, bss = { md->bss, md->ebss, NULL };
	int n = src->elf ? variables_read(src->elf, ranges, 2, &r->variables) : -ENODATA;

	if (n == -ENOMEM)
		return n;
	n = module_masks_read(src->rt, &masks);
	if (n < 0 && n != -EBADMSG && n != -EFAULT)
		return n;
	data.mask = masks.data;
	bss.mask = masks.bss;
	n = scan_section(r, src, g, &data);
	if (n == 0)
		n = scan_section(r, src, g, &bss);
	module_masks_done(&masks);
	return n < 0 ? diag_fail(d, n, "the variables of the program cannot be read") : 0;
}
