// SPDX-License-Identifier: Apache-2.0
#include "collect/retention.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/retain.h"
#include "analysis/site.h"
#include "base/addrmap.h"
#include "collect/heap_roots.h"
#include "collect/retained_path.h"
#include "goruntime/global_users.h"
#include "goruntime/object_graph.h"
#include "image/dwarf_variables.h"
#include "model/memory.h"
#include "model/limits.h"

/* What is listed: this many, and none below a thousandth of what is alive. */
#define MAX_LISTED 32
#define LEAST_SHARE 1000
/* Code that is searched for the users of variables. */
#define MAX_CODE (256ull << 20)

struct retention {
	const struct retention_source *src;
	struct arena *a;
	struct object_graph *graph;
	struct heap_roots roots;
	struct retain *retain;
	struct retained *ret;
	struct addrmap *groups;		/* by site: the last one in the snapshot */
	uint32_t *next;			/* by group: one before it of the same site */
};

/* --- Names --- */

/* ".bss+0x1a40", as a file without symbols has it. */
static const char *name_by_section(struct retention *t, uint64_t addr)
{
	const struct moduledata *md = &t->src->rt->md;
	bool bss = addr >= md->bss && addr < md->ebss;

	return arena_printf(t->a, "%s+0x%llx", bss ? ".bss" : ".data",
			    (unsigned long long)(addr - (bss ? md->bss : md->data)));
}

static const char *name_variable(struct retention *t, const struct heap_root *root)
{
	const char *name = root->symbol
				   ? variables_name(t->roots.variables, root->symbol, t->a)
				   : NULL;

	return name && *name ? name : name_by_section(t, root->addr);
}

/* How grave what stands at that site is, and the group when it is one alone. */
static void match_groups(const struct retention *t, uint64_t site, struct retainer *r)
{
	uint32_t last;

	r->group = UINT32_MAX;
	if (!t->groups || addrmap_get(t->groups, site, &last) < 0)
		return;
	if (t->next[last] == UINT32_MAX)
		r->group = last;
	for (; last != UINT32_MAX; last = t->next[last]) {
		const struct group *g = &t->src->snapshot->groups[last];
		uint64_t leaked = group_leaked(g);

		/* What some of them are is not said of what all of them hold. */
		if (leaked && leaked < g->count)
			continue;
		if (g->verdict > r->verdict)
			r->verdict = g->verdict;
	}
}

/* The snapshot's groups by site, those of one site in a chain. */
static int index_groups(struct retention *t)
{
	const struct snapshot *s = t->src->snapshot;

	if (!s)
		return 0;
	t->groups = addrmap_new();
	t->next = calloc(s->n_groups + 1, sizeof(*t->next));
	if (!t->groups || !t->next)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups; i++) {
		uint32_t last;

		t->next[i] = addrmap_get(t->groups, s->groups[i].site, &last) == 0 ? last
										  : UINT32_MAX;
		if (addrmap_put(t->groups, s->groups[i].site, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

static uint64_t site_of(const struct retention *t, const struct heap_root *root)
{
	return t->roots.sites.all[root->site].group.site;
}

/* What each group holds alone. Of one site there may be several roots: by their calls' addresses. */
static void give_to_groups(struct retention *t)
{
	struct snapshot *s = t->src->snapshot;

	for (uint32_t i = 0; s && i < s->n_groups; i++)
		s->groups[i].heap_known = false;
	for (uint32_t i = 0; s && i < t->roots.n; i++) {
		struct group *g;
		uint32_t at;

		if (t->roots.all[i].kind != RETAINER_GOROUTINES ||
		    addrmap_get(t->groups, site_of(t, &t->roots.all[i]), &at) < 0 ||
		    t->next[at] != UINT32_MAX)
			continue;
		g = &s->groups[at];
		g->heap_bytes = t->roots.ranks[i].exclusive_bytes +
				(g->heap_known ? g->heap_bytes : 0);
		g->heap_known = true;
	}
}

static int describe_goroutines(struct retention *t, const struct heap_root *root,
			       struct retainer *r)
{
	const struct group *g = &t->roots.sites.all[root->site].group;
	const struct frame *f = site_frame(&g->stack, t->src->module);

	r->goroutines = g->count;
	match_groups(t, g->site, r);
	r->name = f ? site_string(t->a, f) : g->started.function ? site_string(t->a, &g->started)
								 : "unknown";
	return r->name ? 0 : -ENOMEM;
}

static int describe(struct retention *t, uint32_t at, struct retainer *r)
{
	const struct heap_root *root = &t->roots.all[at];
	const struct retain_root *sums = &t->roots.ranks[at];

	*r = (struct retainer){
		.kind = root->kind,
		.bytes = sums->bytes,
		.objects = sums->objects,
		.exclusive_bytes = sums->exclusive_bytes,
		.exclusive_objects = sums->exclusive_objects,
		.group = UINT32_MAX,
	};
	if (root->kind == RETAINER_GOROUTINES)
		return describe_goroutines(t, root, r);
	r->name = root->name ? root->name : name_variable(t, root);
	return r->name ? 0 : -ENOMEM;
}

/* --- The list --- */

/* Keeps the heaviest roots, heaviest first. */
static uint32_t heaviest(const struct heap_roots *roots, uint64_t least, uint32_t *at)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < roots->n; i++) {
		uint64_t bytes = roots->ranks[i].bytes;
		uint32_t k;

		if (!bytes || bytes < least ||
		    (n == MAX_LISTED && bytes <= roots->ranks[at[n - 1]].bytes))
			continue;
		k = n < MAX_LISTED ? n++ : n - 1;
		for (; k && roots->ranks[at[k - 1]].bytes < bytes; k--)
			at[k] = at[k - 1];
		at[k] = i;
	}
	return n;
}

/* What the DWARF says of the listed variables' types; *types has one for each of `all`. */
static int find_types(struct retention *t, const uint32_t *at, struct retainer *all, uint32_t n,
		      struct typed *types)
{
	const struct moduledata *md = &t->src->rt->md;
	struct dwarf_variable variables[MAX_LISTED];
	uint32_t of[MAX_LISTED];
	size_t k = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (all[i].kind == RETAINER_GOROUTINES || t->roots.all[at[i]].name)
			continue;
		of[k] = i;
		variables[k++] = (struct dwarf_variable){ .name = all[i].name };
	}
	if (!k || !t->roots.variables ||
	    dwarf_variable_types(elf_image_fd(t->src->elf), t->src->dwarf_bytes, variables, k, t->a,
				 NULL) < 0)
		return 0;
	for (size_t i = 0; i < k; i++) {
		all[of[i]].type = variables[i].type;
		if (variables[i].runtime_type && variables[i].runtime_type < md->etypes - md->types)
			types[of[i]] = (struct typed){
				TYPED_VALUE, md->types + variables[i].runtime_type
			};
	}
	return 0;
}

/* Without symbols, the functions that use a variable say more than where it stands. */
static void find_users(struct retention *t, const uint32_t *at, struct retainer *all, uint32_t n)
{
	struct global_user users[MAX_LISTED];
	uint32_t of[MAX_LISTED];
	size_t k = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct heap_root *root = &t->roots.all[at[i]];

		if (all[i].kind == RETAINER_GOROUTINES || root->symbol || root->name)
			continue;
		of[k] = i;
		users[k++] = (struct global_user){ .addr = root->addr };
	}
	if (!k || global_users_find(t->src->rt, MAX_CODE, users, k, t->a) < 0)
		return;
	for (size_t i = 0; i < k; i++)
		all[of[i]].users = users[i].names;
}

static int find_path(struct retention *t, uint32_t number, struct typed type, struct retainer *r)
{
	const struct heap_root *root = &t->roots.all[number];
	const struct retained_root from = {
		.number = number,
		.name = root->kind == RETAINER_GOROUTINES ? "stack" : r->name,
		.bytes = r->bytes,
		/* Of an interface without a name the word before says what it is. */
		.addr = root->symbol ? root->symbol->addr + t->src->rt->md.bias
			: root->addr ? root->addr - 8
				     : 0,
		.size = root->symbol ? root->symbol->size : root->addr ? 16 : 0,
		.type = type,
		.type_name = r->type,
	};

	r->path = retained_path(t->src->rt, t->graph, t->retain, &from, t->a);
	return 0;
}

static int list(struct retention *t, const struct retain_totals *totals)
{
	uint32_t at[MAX_LISTED];
	uint32_t n = heaviest(&t->roots, totals->live_bytes / LEAST_SHARE, at);
	struct retainer *all = arena_alloc(t->a, n ? n : 1, sizeof(*all));
	struct typed types[MAX_LISTED] = { 0 };
	uint64_t listed = 0;
	int r = all ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		r = describe(t, at[i], &all[i]);
		listed += all[i].bytes;
		if (all[i].verdict >= VERDICT_SUSPECT)
			t->ret->leaked_bytes += all[i].exclusive_bytes;
	}
	if (r == 0)
		r = find_types(t, at, all, n, types);
	if (r == 0)
		find_users(t, at, all, n);
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = find_path(t, at[i], types[i], &all[i]);
	t->ret->all = all;
	t->ret->n = n;
	t->ret->other_bytes = totals->live_bytes - listed;
	return r;
}

static int sum_up(struct retention *t, const struct retain_totals *totals)
{
	struct retained *ret = t->ret;

	ret->live_bytes = totals->live_bytes;
	ret->live_objects = totals->live_objects;
	ret->shared_bytes = totals->shared_bytes;
	ret->garbage_bytes = t->graph->allocated_bytes > totals->live_bytes
				     ? t->graph->allocated_bytes - totals->live_bytes
				     : 0;
	ret->unread_bytes = t->graph->unreadable_bytes;
	ret->by_section = !t->roots.variables;
	ret->conservative = t->roots.conservative;
	give_to_groups(t);
	return list(t, totals);
}

/* --- All of it --- */

static int run(struct retention *t, uint64_t max_bytes, struct diag *d)
{
	struct retain_totals totals;
	uint64_t left, cost;
	bool ways;
	int r = object_graph_of_heap(t->src->heap, max_bytes, false, &t->graph, d);

	if (r < 0)
		return r;
	left = max_bytes - t->graph->bytes;
	if (retain_cost(t->graph->edges.n_nodes, false) > left)
		return diag_fail(d, -E2BIG, "the heap has %u objects: to look at them would take "
				 "more than %llu MiB of memory", t->graph->edges.n_nodes,
				 (unsigned long long)(max_bytes >> 20));
	ways = retain_cost(t->graph->edges.n_nodes, true) <= left / 4 * 3;
	cost = retain_cost(t->graph->edges.n_nodes, ways);
	left -= cost;
	r = heap_roots_init(&t->roots, t->a, left / 2 / sizeof(struct root_edge));
	if (r == 0)
		r = heap_roots_add_variables(&t->roots, t->src, t->graph, d);
	if (r == 0)
		r = heap_roots_add_goroutines(&t->roots, t->src, t->graph, d);
	if (r == 0)
		r = heap_roots_add_runtime(&t->roots, t->src, t->graph, d);
	if (r == 0)
		r = retain_run(&t->graph->edges, t->roots.ranks, t->roots.n, t->roots.seeds,
			       t->roots.n_seeds, ways, &totals, &t->retain);
	if (r == 0)
		r = index_groups(t);
	if (r < 0)
		return r;
	t->ret->memory_bytes = t->graph->bytes + cost +
			       t->roots.seeds_room * sizeof(*t->roots.seeds);
	return sum_up(t, &totals);
}

int retention_take(const struct retention_source *src, struct arena *a, struct retained *ret,
		   struct diag *d)
{
	struct retention t = { .src = src, .a = a, .ret = ret };
	struct diag why = DIAG_INIT;
	int r;

	*ret = (struct retained){ 0 };
	r = run(&t, src->max_bytes ? src->max_bytes : LIMIT_GRAPH_BYTES, &why);
	retain_free(t.retain);
	heap_roots_done(&t.roots);
	object_graph_free(t.graph);
	addrmap_free(t.groups);
	free(t.next);
	if (r == 0)
		return 0;
	if (r == -ESRCH || r == -EPERM || r == -ENOMEM) {
		if (d)
			*d = why;
		return r;
	}
	*ret = (struct retained){ 0 };
	ret->why_not = arena_strdup(a, *why.why ? why.why : "the heap could not be read");
	return ret->why_not ? 0 : -ENOMEM;
}

/* Some 3 million objects, which take half a second. */
#define CHEAP_BYTES (64ull << 20)
/* Unpacked: libdw takes them whole, for the names of a few types. */
#define CHEAP_DWARF (16ull << 20)
#define MAX_DWARF (256ull << 20)

int retention_add(struct go_runtime *rt, struct elf_image *elf, bool cheap, struct snapshot *s,
		  struct diag *d)
{
	struct retention_source src = {
		.rt = rt, .elf = elf, .snapshot = s, .module = s->process.module,
		.max_bytes = cheap ? CHEAP_BYTES : LIMIT_GRAPH_BYTES,
		.dwarf_bytes = cheap ? CHEAP_DWARF : MAX_DWARF,
	};
	struct retained *ret = arena_alloc(s->arena, 1, sizeof(*ret));
	/* Spans by the hundred thousand, which nobody needs afterwards. */
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct diag why = DIAG_INIT;
	int r = ret && scratch ? 0 : -ENOMEM;

	if (r == 0 && cheap && s->total > LIMIT_CHEAP_GOROUTINES) {
		snapshot_note(s, "who holds the heap is not told: the stacks of so many goroutines "
			      "take a while; --memory waits for them");
		return 0;
	}
	if (r == 0)
		r = go_heap_open(rt, scratch, &src.heap, &why);
	if (r == -ESRCH || r == -ENOMEM)
		return r;
	/* The ledger says already why the heap cannot be read. */
	if (r < 0)
		return 0;
	r = retention_take(&src, s->arena, ret, d);
	if (r < 0)
		return r;
	s->memory->retained = ret;
	if (ret->why_not)
		snapshot_note(s, "who holds the heap is not told: %s%s", ret->why_not,
			      cheap ? "; --memory takes more" : "");
	return 0;
}
