// SPDX-License-Identifier: Apache-2.0
#include "goruntime/goruntime.h"

#include <errno.h>
#include <stdlib.h>

/* Pointer chasing: sudogs, channels, poll descriptors. 4 MiB of 4 KiB pages. */
#define CHASE_BLOCK 4096
#define CHASE_BLOCKS 1024
/* Constant data: type names and the like; the pclntab has a cache of its own. */
#define CONSTANT_BLOCK 4096
#define CONSTANT_BLOCKS 64

/* The table's layout, or the binary's own when the table has none for this release. */
static int find_layout(const struct go_runtime_source *src, struct go_layout *ret, struct diag *d)
{
	const struct buildinfo *b = src->build;
	int first, last, r;

	layout_range(&first, &last);
	if (b->minor < 0) {
		r = layout_from_dwarf(elf_image_fd(src->elf), last, ret, NULL);
		if (r < 0)
			return diag_fail(d, -EOPNOTSUPP,
					 "%s is not a Go release that this version knows, "
					 "and the binary has no DWARF to learn it from",
					 b->go_version);
		return 0;
	}
	if (b->minor < first) {
		diag_fail(d, -EOPNOTSUPP, "built with %s, which is older than Go 1.%d",
			  b->go_version, first);
		return diag_hint(d, -EOPNOTSUPP, "rebuild the program with a newer Go");
	}
	r = layout_lookup(b->minor, b->patch, ret, d);
	if (r != -EOPNOTSUPP)
		return r;
	r = layout_from_dwarf(elf_image_fd(src->elf), b->minor, ret, NULL);
	if (r == 0)
		return 0;
	diag_fail(d, -EOPNOTSUPP,
		  "built with %s, which is newer than Go 1.%d, the last that this version knows, "
		  "and the binary has no DWARF to learn it from",
		  b->go_version, last);
	return diag_hint(d, -EOPNOTSUPP, "update loiter, or run scripts/gen-go-layouts and rebuild");
}

static int open_tables(struct go_runtime *rt, const struct go_runtime_source *src, struct diag *d)
{
	const struct moduledata_fields fields = {
		.types = rt->layout.module_types,
		.etypes = rt->layout.module_etypes,
		.rodata = rt->layout.module_rodata,
		.gofunc = rt->layout.module_gofunc,
		.next = rt->layout.module_next,
	};
	struct pclntab_where where;
	int r;

	r = elf_image_mem(src->elf, src->bias, &rt->file);
	if (r < 0)
		return r;
	r = memcache_open(rt->file, CONSTANT_BLOCK, CONSTANT_BLOCKS, &rt->constant);
	if (r < 0)
		return r;
	r = memcache_open(rt->live, CHASE_BLOCK, CHASE_BLOCKS, &rt->chase);
	if (r < 0)
		return r;
	r = moduledata_find(src->elf, src->bias, rt->live, rt->file, &fields, &rt->md, d);
	if (r < 0)
		return r;
	where = (struct pclntab_where){
		.header = rt->md.pcheader,
		.text = rt->md.text,
		.etext = rt->md.etext,
		.gofunc = rt->md.gofunc,
		.minor = rt->minor,
	};
	r = pclntab_open(rt->file, &where, &rt->tab, d);
	if (r != -EFAULT)
		return r;
	/* Position-independent files keep the table in relocated memory. */
	return pclntab_open(rt->live, &where, &rt->tab, d);
}

int go_runtime_open(const struct go_runtime_source *src, struct arena *a,
		    struct go_runtime **ret, struct diag *d)
{
	CLEANUP(go_runtime_close_p) struct go_runtime *rt = calloc(1, sizeof(*rt));
	int r;

	if (!rt)
		return -ENOMEM;
	pthread_mutex_init(&rt->tab_lock, NULL);
	rt->live = src->live;
	rt->elf = src->elf;
	rt->patch = src->build->minor < 0 ? -1 : src->build->patch;
	rt->arena = a;
	r = find_layout(src, &rt->layout, d);
	if (r < 0)
		return r;
	rt->minor = rt->layout.minor;
	r = open_tables(rt, src, d);
	if (r < 0)
		return r;
	r = locate_globals(&rt->md, rt->tab, src->elf, &rt->layout, rt->live, rt->file, a,
			   &rt->globals, d);
	if (r < 0)
		return r;
	r = layout_validate(&rt->layout, &rt->globals, &rt->md, rt->tab, rt->live, src->tids,
			    src->n_tids, d);
	if (r < 0)
		return r;
	*ret = TAKE(rt);
	return 0;
}

int go_runtime_over(const struct go_runtime *rt, struct mem *live, struct go_runtime **ret)
{
	struct go_runtime *over = malloc(sizeof(*over));
	int r;

	if (!over)
		return -ENOMEM;
	*over = *rt;
	over->borrowed = true;
	over->live = live;
	over->running = rt->live;
	r = memcache_open(live, CHASE_BLOCK, CHASE_BLOCKS, &over->chase);
	if (r < 0) {
		free(over);
		return r;
	}
	pthread_mutex_init(&over->tab_lock, NULL);
	*ret = over;
	return 0;
}

void go_runtime_close(struct go_runtime *rt)
{
	if (!rt)
		return;
	pthread_mutex_destroy(&rt->tab_lock);
	if (!rt->borrowed) {
		pclntab_close(rt->tab);
		mem_close(rt->constant);
		mem_close(rt->file);
	}
	mem_close(rt->chase);
	free(rt);
}
