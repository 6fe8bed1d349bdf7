// SPDX-License-Identifier: Apache-2.0
/*
 * pcln_check PID FILE BASE: holds what image/ reads out of FILE (mapped at hex address BASE in
 * process PID) against what that process says of itself on standard input; the language is that
 * of tests/targets/pcln. Prints the first differences; exit code 1 when there are any.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goruntime/layout.h"
#include "image/buildinfo.h"
#include "image/elf.h"
#include "image/moduledata.h"
#include "image/pclntab.h"
#include "model/limits.h"
#include "target/mem_live.h"
#include "target/process.h"

#define MAX_STACK 256
#define SHOWN 20

struct check {
	struct process *process;
	struct mem *live, *file;
	struct elf_image *elf;
	struct arena *arena;
	struct buildinfo info;
	struct moduledata md;
	struct pclntab *tab;
	uint64_t bias;
	unsigned long compared, stacks, differences;
	uint64_t phys[MAX_STACK];
	struct frame frames[MAX_STACK];
	size_t n_phys, n_frames, at;
};

static void differ(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void differ(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->differences++ >= SHOWN)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static int fail(const char *what, int r, const struct diag *d)
{
	fprintf(stderr, "%s: %s (%s)\n", what, d->why, strerror(-r));
	return 2;
}

static int open_all(struct check *c, char **argv)
{
	struct diag d = DIAG_INIT;
	struct go_layout l;
	int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	size_t n;
	int r = process_open(atoi(argv[1]), &c->process, &d);

	if (r < 0 || fd < 0)
		return fail("open", r < 0 ? r : -errno, &d);
	r = elf_image_open(fd, &c->elf, &d);
	if (r < 0)
		return fail("elf", r, &d);
	c->bias = strtoull(argv[3], NULL, 16) -
		  (elf_image_segments(c->elf, &n)[0].vaddr & ~0xfffull);
	c->arena = arena_new();
	r = buildinfo_read(c->elf, c->arena, &c->info, &d);
	if (r < 0)
		return fail("buildinfo", r, &d);
	r = layout_lookup(c->info.minor, c->info.patch, &l, &d);
	if (r < 0)
		return fail("layout", r, &d);
	r = mem_live_open(c->process, &c->live);
	if (r == 0)
		r = elf_image_mem_over(c->elf, c->bias, c->live, &c->file);
	if (r < 0)
		return fail("mem", r, &d);

	const struct moduledata_fields fields = { l.module_types, l.module_etypes,
						  l.module_rodata, l.module_gofunc,
						  l.module_next };

	r = moduledata_find(c->elf, c->bias, c->live, c->file, &fields, &c->md, &d);
	if (r < 0)
		return fail("moduledata", r, &d);

	const struct pclntab_where where = { c->md.pcheader, c->md.text, c->md.etext,
					     c->md.gofunc, c->info.minor };

	r = pclntab_open(c->file, &where, &c->tab, &d);
	return r < 0 ? fail("pclntab", r, &d) : 0;
}

/* The linker's own symbols, where there are some, must name what moduledata says. */
static void check_symbols(struct check *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "runtime.firstmoduledata", c->md.addr }, { "runtime.text", c->md.text },
		{ "runtime.etext", c->md.etext },	   { "runtime.types", c->md.types },
		{ "runtime.etypes", c->md.etypes },	   { "runtime.noptrdata", c->md.noptrdata },
		{ "runtime.bss", c->md.bss },		   { "runtime.enoptrbss", c->md.enoptrbss },
		{ "runtime.data", c->md.data },		   { "runtime.edata", c->md.edata },
		{ "runtime.rodata", c->md.rodata },	   { "go:func.*", c->md.gofunc },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		uint64_t v;

		if (elf_image_symbol(c->elf, all[i].name, &v) < 0)
			continue;
		c->compared++;
		if (v + c->bias != all[i].value)
			differ(c, "%s is %" PRIx64 ", moduledata has %" PRIx64, all[i].name,
			       v + c->bias, all[i].value);
	}
}

/* Every function must be found by its entry, its last byte and (some of them) its name. */
static void check_functions(struct check *c)
{
	uint64_t n = pclntab_count(c->tab);

	for (uint64_t i = 0; i < n; i++) {
		struct func f, g;
		int r = pclntab_func(c->tab, i, &f);

		c->compared++;
		if (r < 0 || pclntab_find(c->tab, f.entry, &g) < 0 ||
		    (f.end > f.entry && g.entry != f.entry)) {
			differ(c, "function %" PRIu64 " of %" PRIu64 ": %d", i, n, r);
			continue;
		}
		if (f.end > f.entry &&
		    (pclntab_find(c->tab, f.end - 1, &g) < 0 || g.entry != f.entry))
			differ(c, "%s: its last byte is not its own", f.name);
		if (i % 512)
			continue;
		r = pclntab_find_name(c->tab, f.name, &g);
		if (r < 0 || strcmp(f.name, g.name) != 0)
			differ(c, "%s: not found by its name (%d)", f.name, r);
	}
}

/*
 * The runtime has no name for the function whose name stands first in the table, as it takes
 * offset 0 for none (funcnameFromNameOff). We name it.
 */
static bool same(const struct frame *ours, const struct frame *theirs)
{
	return ours->entry == theirs->entry && ours->line == theirs->line &&
	       (!*theirs->function || strcmp(ours->function, theirs->function) == 0) &&
	       strcmp(ours->file ? ours->file : "?", theirs->file) == 0;
}

static void compare(struct check *c, const char *what, const struct frame *ours,
		    const struct frame *theirs)
{
	c->compared++;
	if (!same(ours, theirs))
		differ(c, "%s %" PRIx64 "\n  ours   %" PRIx64 " %s %s:%u\n  theirs %" PRIx64 " %s %s:%u",
		       what, theirs->pc, ours->entry, ours->function, ours->file, ours->line,
		       theirs->entry, theirs->function, theirs->file, theirs->line);
}

static void check_pc(struct check *c, const struct frame *theirs)
{
	/* CallersFrames leaves no wrapper out; after a panic function neither do we. */
	enum func_kind callee = FUNC_GOPANIC;
	struct frame ours;
	struct func f;
	int r = pclntab_find(c->tab, theirs->pc, &f);

	if (r == -ENOENT && theirs->entry == 0)
		return;
	if (r == 0)
		r = pclntab_frames(c->tab, theirs->pc,
				   theirs->pc > f.entry ? theirs->pc - 1 : theirs->pc, &callee,
				   &ours, 1);
	if (r == 1)
		compare(c, "pc", &ours, theirs);
	else
		differ(c, "pc %" PRIx64 ": %d, theirs %s", theirs->pc, r, theirs->function);
}

static void check_stack(struct check *c)
{
	struct frame ours[MAX_STACK];
	enum func_kind callee = FUNC_NORMAL;
	size_t n = 0;

	c->stacks++;
	for (size_t i = 0; i < c->n_phys; i++) {
		uint64_t pc = c->phys[i];
		/* What sigpanic returns to is the faulting instruction itself. */
		bool trap = callee == FUNC_SIGPANIC;
		int r = pclntab_frames(c->tab, trap ? pc + 1 : pc, trap ? pc : pc - 1, &callee,
				       ours + n, MAX_STACK - n);

		if (r < 0)
			differ(c, "return address %" PRIx64 ": %d", pc, r);
		else
			n += (size_t)r;
	}
	for (size_t i = 0; i < n && i < c->n_frames; i++) {
		compare(c, "frame", &ours[i], &c->frames[i]);
		if (ours[i].pc != c->frames[i].pc)
			differ(c, "frame's pc %" PRIx64 ", theirs %" PRIx64, ours[i].pc,
			       c->frames[i].pc);
	}
	if (n != c->n_frames)
		differ(c, "a stack of %zu frames, theirs has %zu", n, c->n_frames);
}

/* "WORD\tPC\tENTRY\tLINE\tFUNCTION\tFILE" without the word. */
static struct frame parse_frame(struct arena *a, char *s)
{
	struct frame f = { 0 };

	f.pc = strtoull(strsep(&s, "\t"), NULL, 16);
	f.entry = s ? strtoull(strsep(&s, "\t"), NULL, 16) : 0;
	f.line = s ? (uint32_t)strtoul(strsep(&s, "\t"), NULL, 10) : 0;
	f.function = s ? arena_strdup(a, strsep(&s, "\t")) : "";
	f.file = s ? arena_strdup(a, s) : "";
	return f;
}

static void check_line(struct check *c, char *line)
{
	const char *word = strsep(&line, "\t");

	if (strcmp(word, "stack") == 0) {
		c->n_phys = c->n_frames = 0;
	} else if (strcmp(word, "phys") == 0 && c->n_phys < MAX_STACK) {
		c->phys[c->n_phys++] = strtoull(line, NULL, 16);
	} else if (strcmp(word, "frame") == 0 && c->n_frames < MAX_STACK) {
		c->frames[c->n_frames++] = parse_frame(c->arena, line);
	} else if (strcmp(word, "end") == 0) {
		check_stack(c);
	} else if (strcmp(word, "pc") == 0) {
		struct frame f = parse_frame(c->arena, line);

		check_pc(c, &f);
	}
}

int main(int argc, char **argv)
{
	static struct check c;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r;

	if (argc != 4)
		return 2;
	r = open_all(&c, argv);
	if (r)
		return r;
	check_symbols(&c);
	check_functions(&c);
	while ((n = getline(&line, &size, stdin)) > 0) {
		line[n - 1] = '\0';
		check_line(&c, line);
	}
	printf("%s: %lu compared, %lu stacks, %lu differences\n", c.info.go_version, c.compared,
	       c.stacks, c.differences);
	free(line);
	pclntab_close(c.tab);
	mem_close(c.file);
	mem_close(c.live);
	elf_image_close(c.elf);
	process_close(c.process);
	arena_free(c.arena);
	return c.differences ? 1 : 0;
}
