// SPDX-License-Identifier: Apache-2.0
/* `loiter snapshot --all`: every Go process on the machine. */
#include "cmd/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/exit.h"
#include "cmd/one_line.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "collect/snapshot.h"
#include "image/buildinfo.h"
#include "image/elf.h"
#include "report/report.h"
#include "report/summary.h"
#include "target/discover.h"
#include "target/process.h"

struct walk {
	const struct snapshot_args *args;
	const struct report_options *form;
	struct output *out;
	struct summary summary;
	uint64_t read;		/* Go processes that were */
	int first_err;		/* of the first that was not, with its reason: */
	struct diag first;
	bool matched;
};

/* What can be said of a process that could not be read. */
struct glimpse {
	char name[64];
	bool is_go;		/* by the build information in its file */
};

/* Reading the file needs less permission than reading memory (ptrace(2), PTRACE_MODE_READ). */
static bool file_is_go(const struct process *p)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct buildinfo info;
	int fd, r;

	fd = process_open_exe(p, NULL);
	if (fd < 0 || !a || elf_image_open(fd, &e, NULL) < 0)
		return false;
	r = buildinfo_read(e, a, &info, NULL);
	return r == 0 || r == -EOPNOTSUPP;
}

static void glimpse_at(pid_t pid, struct glimpse *ret)
{
	CLEANUP(process_close_p) struct process *p = NULL;

	*ret = (struct glimpse){ 0 };
	if (process_open(pid, &p, NULL) < 0)
		return;
	memcpy(ret->name, p->comm, sizeof(ret->name));
	ret->name[sizeof(ret->name) - 1] = '\0';
	ret->is_go = file_is_go(p);
}

static bool is_json(const struct walk *w)
{
	return strcmp(w->args->format->name, "json") == 0;
}

/* Sorts a failure: no Go there, gone meanwhile, not ours to look at, or to be named. */
static int miss(struct walk *w, pid_t pid, int err, const struct diag *d)
{
	struct glimpse g;

	if (err == -ENODATA || err == -ESRCH)
		return 0;
	if (err == -ENOMEM)
		return err;
	glimpse_at(pid, &g);
	if (!w->first_err) {
		w->first_err = err;
		w->first = *d;
	}
	/* To a user that is every process of all others; to root it is worth a name. */
	if (!g.is_go && (err == -EPERM || err == -EACCES) && geteuid() != 0) {
		w->summary.denied++;
		return 0;
	}
	return summary_add_miss(&w->summary, pid, g.name, *d->why ? d->why : strerror(-err));
}

static int hit(struct walk *w, const struct snapshot *s)
{
	w->read++;
	if (snapshot_matches(s, w->args->fail_on))
		w->matched = true;
	if (is_json(w))
		return one_line_json(s, w->out->file, w->form);
	return summary_add(&w->summary, s);
}

static int look(struct walk *w, pid_t pid)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	/* Of one process after the other: only where it is asked for, and only what is quick. */
	const struct snapshot_options o = {
		.goroutines = w->args->goroutines,
		.leaks = { .wish = w->args->leaks == LEAKS_ALWAYS ? LEAKS_IF_CHEAP : LEAKS_NEVER },
		.memory = w->args->memory == LEDGER_ALWAYS ? LEDGER_IF_CHEAP : LEDGER_NEVER,
	};
	struct diag d = DIAG_INIT;
	int r;

	r = snapshot_process(pid, &o, &s, &d);
	if (r < 0) {
		diag_what(&d, r, "pid %d", pid);
		return miss(w, pid, r, &d);
	}
	return hit(w, s);
}

/* JSON has no place for them: a sentence each on stderr. */
static void tell_misses(const struct summary *sum)
{
	struct diag d = DIAG_INIT;

	for (size_t i = 0; i < sum->n_misses; i++) {
		const struct summary_miss *m = &sum->misses[i];

		diag_fail(&d, -EIO, "%s", m->why);
		diag_what(&d, -EIO, "pid %d (%s)", m->pid, m->name && *m->name ? m->name : "?");
		exit_sentence(stderr, -EIO, &d);
	}
	if (sum->denied) {
		diag_fail(&d, -EPERM, "%" PRIu64 " more could not be looked at", sum->denied);
		diag_what(&d, -EPERM, "--all");
		diag_hint(&d, -EPERM, "run as root or with CAP_SYS_PTRACE");
		exit_sentence(stderr, -EPERM, &d);
	}
}

static int conclude(struct walk *w, struct diag *d)
{
	uint64_t missed = w->summary.n_misses + w->summary.denied;

	/* An empty table would look like a machine without Go. */
	if (!w->read && missed) {
		diag_fail(d, w->first_err,
			  "none of %" PRIu64 " could be read, the first (%s) because: %s", missed,
			  w->first.what, w->first.why);
		diag_what(d, w->first_err, "--all");
		return diag_hint(d, w->first_err, "%s", w->first.hint);
	}
	if (!is_json(w))
		return report_summary(&w->summary, w->out->file, w->form);
	tell_misses(&w->summary);
	return 0;
}

int snapshot_all(const struct snapshot_args *args, const struct report_options *form,
		 struct output *out, bool *ret_matched, struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct walk w = { .args = args, .form = form, .out = out, .summary.arena = arena };
	struct progress progress;
	pid_t *pids = NULL;
	size_t n = 0;
	int r;

	if (!arena)
		return -ENOMEM;
	r = discover_pids(&pids, &n, d);
	progress_start(&progress, "processes");
	for (size_t i = 0; r >= 0 && !out->err && i < n; i++) {
		progress_update(&progress, i, n);
		r = look(&w, pids[i]);
	}
	progress_end(&progress);
	free(pids);
	if (r >= 0)
		r = conclude(&w, d);
	*ret_matched = w.matched;
	/* A failed write has its reason in `out`, where output_finish() finds it. */
	return out->err ? 0 : r;
}
