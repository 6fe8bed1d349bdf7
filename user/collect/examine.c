// SPDX-License-Identifier: Apache-2.0
#include "collect/examine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/subject.h"
#include "collect/tracing.h"
#include "goruntime/goruntime.h"
#include "trace/target.h"

/* Code that is searched for frame pointers, and the least functions that make an opinion. */
enum { CODE_BYTES = 8 << 20, MIN_FUNCTIONS = 20 };

struct examination {
	struct subject *subject;
	struct arena *arena;
	struct features *ret;
};

#define ADD(x, ...) features_add((x)->ret, (x)->arena, __VA_ARGS__)

/* A row out of a diag; its hint is the fix. */
static void add_refusal(struct examination *x, const char *name, enum feature_state state, int err,
			const struct diag *d)
{
	const char *fix = *d->hint ? arena_strdup(x->arena, d->hint) : NULL;

	ADD(x, name, state, err, fix, "%s", *d->why ? d->why : strerror(-err));
}

static void examine_exe(struct examination *x)
{
	struct process_facts facts = { 0 };
	struct diag d = DIAG_INIT;
	int fd = process_open_exe(x->subject->process, &d);

	process_facts_read(x->subject->process, x->arena, &facts);
	if (fd < 0) {
		add_refusal(x, "executable", FEATURE_NO, fd, &d);
		return;
	}
	close(fd);
	ADD(x, "executable", FEATURE_OK, 0, NULL, "%s%s%s%s", facts.exe ? facts.exe : "",
	    facts.exe_deleted ? " (deleted; the old file is used)" : "",
	    facts.container_id ? ", in container " : facts.unit ? ", " : "",
	    facts.container_id ? facts.container_id : facts.unit ? facts.unit : "");
}

static void examine_tracing(struct examination *x)
{
	struct trace_target t;
	struct diag d = DIAG_INIT;
	int r = trace_target_fill(x->subject->process, &t, &d);

	if (r < 0)
		add_refusal(x, "tracing", FEATURE_NO, 0, &d);
	else
		ADD(x, "tracing", FEATURE_OK, 0, NULL, "the kernel calls it %u", t.host_tgid);
}

/*
 * .eh_frame_hdr counts the functions that can be unwound (LSB Core, 10.6.2): version and three
 * encodings, the second of them 3 for a plain u32 count, which follows a 32-bit pointer.
 */
static uint32_t count_functions(struct elf_image *e, struct mem *file)
{
	uint64_t addr, size;
	uint8_t head[12];
	uint32_t n;

	if (elf_image_section(e, ".eh_frame_hdr", &addr, &size) < 0 || size < sizeof(head) ||
	    mem_read(file, addr, head, sizeof(head)) < 0 || head[0] != 1 || head[2] != 3)
		return 0;
	memcpy(&n, head + 8, sizeof(n));
	return n;
}

/* push %rbp; mov %rsp,%rbp, in both forms that compilers write. */
static uint32_t count_prologues(const uint8_t *code, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i + 4 <= len; i++)
		n += memcmp(code + i, "\x55\x48\x89\xe5", 4) == 0 ||
		     memcmp(code + i, "\x55\x48\x8b\xec", 4) == 0;
	return n;
}

static void free_bytes(uint8_t **p)
{
	free(*p);
}

static void examine_c_frames(struct examination *x, struct elf_image *e)
{
	CLEANUP(mem_close_p) struct mem *file = NULL;
	CLEANUP(free_bytes) uint8_t *code = NULL;
	uint64_t addr, size;
	uint32_t functions, frames;

	if (elf_image_mem(e, 0, &file) < 0)
		return;
	functions = count_functions(e, file);
	if (elf_image_section(e, ".text", &addr, &size) < 0 || size > CODE_BYTES ||
	    functions < MIN_FUNCTIONS)
		goto unknown;
	code = malloc(size ? size : 1);
	if (!code || mem_read(file, addr, code, size) < 0)
		goto unknown;
	frames = count_prologues(code, size);
	if (frames >= functions / 2)
		ADD(x, "frame_pointers", FEATURE_OK, 0, NULL,
		    "%u of about %u functions", frames, functions);
	else
		ADD(x, "frame_pointers", FEATURE_LESS, 0, "build with -fno-omit-frame-pointer",
		    "%u of %u functions: C stacks of samples end early", frames, functions);
	return;
unknown:
	ADD(x, "frame_pointers", FEATURE_UNKNOWN, 0, NULL,
	    "not to be told from the executable's code");
}

static void add_collector(struct examination *x, const struct tracing *t, enum collector c)
{
	const struct diag *refused = tracing_refused(t, c);

	if (!refused)
		ADD(x, collector_name(c), FEATURE_OK, 0, NULL, "can be traced");
	else
		ADD(x, collector_name(c), tracing_runs(t, c) ? FEATURE_LESS : FEATURE_NO, 0, NULL,
		    "%s", refused->why);
}

/* Loads each collector for this process; nothing is armed. */
static void examine_collectors(struct examination *x, struct go_runtime *rt)
{
	CLEANUP(tracing_close_p) struct tracing *t = NULL;
	const struct subject *s = x->subject;
	struct tracing_args args = { .collectors = (1u << COLLECTORS) - 1 };
	struct diag d = DIAG_INIT;

	/* Why there is none at all stands in the row of tracing. */
	if (tracing_open(s->process, s->mem, rt, s->elf, &args, &t, &d) < 0)
		return;
	for (int c = 0; c < COLLECTORS; c++)
		if (rt || c != COLLECTOR_GOROUTINES)
			add_collector(x, t, (enum collector)c);
}

static void examine_c(struct examination *x)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	struct diag d = DIAG_INIT;
	int fd = process_open_exe(x->subject->process, &d);

	ADD(x, "go", FEATURE_LESS, 0, NULL,
	    "not Go: futex, memory, threads and samples alone");
	if (fd >= 0 && elf_image_open(fd, &e, &d) == 0)
		examine_c_frames(x, e);
	examine_collectors(x, NULL);
}

static void examine_runtime(struct examination *x)
{
	CLEANUP(go_runtime_close_p) struct go_runtime *rt = NULL;
	const struct subject *s = x->subject;
	struct diag d = DIAG_INIT;
	int r = subject_open_runtime(s, x->arena, &rt, &d);

	if (r < 0) {
		add_refusal(x, "go", FEATURE_NO, r, &d);
		return;
	}
	ADD(x, "go", FEATURE_OK, 0, NULL, "%s, layout of Go 1.%d by %s, validated",
	    s->build.go_version, rt->layout.minor,
	    strcmp(rt->layout.source, "dwarf") == 0 ? "its DWARF" : "the table");
	ADD(x, "frame_pointers", FEATURE_OK, 0, NULL, "Go code has them");
	if (s->build.cgo_known && s->build.cgo)
		ADD(x, "cgo", FEATURE_OK, 0, NULL,
		    "C code takes part; its stacks may end early");
	examine_collectors(x, rt);
}

static int open_subject(struct examination *x, pid_t pid, struct diag *d)
{
	struct diag refusal = DIAG_INIT;
	int r = subject_open_process(pid, &x->subject, &refusal);

	if (r == -EPERM || r == -EACCES) {
		add_refusal(x, "readable", FEATURE_NO, r, &refusal);
		return x->ret->err;
	}
	if (r < 0) {
		*d = refusal;
		return r;
	}
	ADD(x, "readable", FEATURE_OK, 0, NULL, "its memory, %s", x->subject->process->comm);
	return 0;
}

static int examine(struct examination *x, pid_t pid, struct diag *d)
{
	struct diag refusal = DIAG_INIT;
	int r = open_subject(x, pid, d);

	if (r < 0 || !x->subject)
		return r;
	examine_exe(x);
	examine_tracing(x);
	r = subject_find_go(x->subject, x->arena, &refusal);
	if (r == -ENOMEM)
		return r;
	if (r == -ENODATA)
		examine_c(x);
	else if (r < 0)
		add_refusal(x, "go", FEATURE_NO, r, &refusal);
	else
		examine_runtime(x);
	r = process_check(x->subject->process, d);
	return r < 0 ? r : x->ret->err;
}

int examine_process(pid_t pid, struct arena *a, struct features *ret, struct diag *d)
{
	struct examination x = { .arena = a, .ret = ret };
	int r = examine(&x, pid, d);

	subject_close(x.subject);
	return r;
}
