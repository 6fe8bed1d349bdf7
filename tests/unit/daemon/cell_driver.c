// SPDX-License-Identifier: Apache-2.0
/*
 * Cells by hand, for the live tests: a line of stdin each, an answer in JSON each.
 *
 *   ask PID START WHAT DEBUG PROVE_MS DEADLINE_MS    -> "asked ID", and later the end
 *   news                                             -> counts, as they are
 *
 * With an argument, what a cell does once it is locked in is that instead: open, exec, ptrace,
 * socket, fork, kill, shadow, wait, crash, memory, spin. Only here: the product has no such thing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "collect/subject.h"
#include "daemon/cage.h"
#include "daemon/cell.h"
#include "daemon/cell_answer.h"
#include "daemon/cells.h"
#include "daemon/privilege.h"

static const char *misdeed;
static uint64_t asked;
/* Not to be seen through by the compiler. */
static volatile int *volatile nowhere = (int *)8;

static void commit(const char *what)
{
	static const char *const argv[] = { "true", NULL };

	if (strcmp(what, "open") == 0)
		open("/tmp/cell-test", O_WRONLY | O_CREAT, 0600);
	else if (strcmp(what, "exec") == 0)
		execv("/bin/true", (char *const *)argv);
	else if (strcmp(what, "ptrace") == 0)
		ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
	else if (strcmp(what, "socket") == 0)
		socket(AF_INET, SOCK_STREAM, 0);
	else if (strcmp(what, "fork") == 0)
		fork();
	else if (strcmp(what, "kill") == 0)
		kill(getppid(), SIGTERM);
	else if (strcmp(what, "crash") == 0)
		*nowhere = 1;
	else if (strcmp(what, "wait") == 0)
		for (;;)
			sleep(1000);
	else if (strcmp(what, "spin") == 0)
		for (volatile int i = 0;; i++)
			;
}

/* What is refused without being killed for: the errno, in the sentence. */
static int refused_by(const char *what, struct diag *d)
{
	if (strcmp(what, "shadow") == 0 && open("/etc/shadow", O_RDONLY) < 0)
		return diag_fail(d, -EACCES, "open: %s", strerrorname_np(errno));
	if (strcmp(what, "memory") == 0 && !malloc(1ull << 40))
		return diag_fail(d, -ENOMEM, "malloc: %s", strerrorname_np(errno));
	return 0;
}

static int misbehave(const struct cell_request *q, int out)
{
	CLEANUP(subject_close_p) struct subject *s = NULL;
	struct cage_plan plan = { .limits = q->limits };
	struct diag d = DIAG_INIT;
	int r = subject_open_process(q->pid, &s, &d);

	if (r == 0) {
		plan.proc_fd = s->process->proc_fd;
		r = subject_seal(s, false, &d);
	}
	if (r == 0)
		r = cage_enter(&plan, &d);
	if (r == 0)
		r = refused_by(misdeed, &d);
	if (r < 0)
		return cell_answer_fail(out, r, &d) < 0;
	commit(misdeed);
	return cell_answer_write(out, "done", 4) < 0;
}

static void say_text(const char *text)
{
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
}

/* The bytes follow the line. */
static void told(void *arg, int err, const struct diag *d, char *bytes, size_t len)
{
	printf("{\"ended\": %lu, \"err\": \"%s\", \"len\": %zu, \"why\": \"",
	       (uint64_t)(uintptr_t)arg, err ? strerrorname_np(-err) : "", len);
	say_text(d->why);
	printf("\"}\n");
	fwrite(bytes, 1, len, stdout);
	free(bytes);
	fflush(stdout);
}

static void say_counts(struct cells *c)
{
	struct cells_counts n;

	cells_counts(c, &n);
	printf("{\"run\": %lu, \"failed\": %lu, \"killed\": %lu, \"refused\": %lu, "
	       "\"foremen_lost\": %lu, \"running\": %u, \"waiting\": %u, \"hanging\": %u}\n",
	       n.run, n.failed, n.killed, n.refused, n.foremen_lost, n.running, n.waiting,
	       n.hanging);
	fflush(stdout);
}

static void ask(struct cells *c, const char *line)
{
	struct cell_request q = { 0 };
	struct diag d = DIAG_INIT;
	unsigned int what;
	int r;

	if (sscanf(line, "ask %d %lu %u %u %u %u", &q.pid, &q.start_time, &what, &q.debug,
		   &q.prove_max_ms, &q.limits.deadline_ms) != 6)
		abort();
	q.what = (enum cell_what)what;
	if (misdeed && strcmp(misdeed, "spin") == 0)
		q.limits.cpu_s = 1;
	asked++;
	r = cells_start(c, &q, told, (void *)(uintptr_t)asked, &d);
	if (r < 0)
		told((void *)(uintptr_t)asked, r, &d, NULL, 0);
}

/* False: the end of stdin. */
static bool take_lines(struct cells *c)
{
	static char text[65536];
	static size_t have;
	ssize_t n = read(STDIN_FILENO, text + have, sizeof(text) - 1 - have);
	char *end;

	if (n <= 0)
		return false;
	have += (size_t)n;
	text[have] = '\0';
	while ((end = strchr(text, '\n'))) {
		*end = '\0';
		if (strcmp(text, "news") == 0)
			say_counts(c);
		else
			ask(c, text);
		have -= (size_t)(end + 1 - text);
		memmove(text, end + 1, have + 1);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct cells_options o = { .foreman = { .run = cell_run, .max_cells = 4,
					       .max_prove_ms = 5000 } };
	struct diag d = DIAG_INIT;
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	struct cells *c;

	if (argc > 1) {
		misdeed = argv[1];
		o.foreman.run = misbehave;
	}
	if (cells_open(&o, &c, &d) < 0 || privilege_keep_for(PRIVILEGE_DAEMON, &d) < 0 ||
	    privilege_filter_daemon(&d) < 0) {
		fprintf(stderr, "%s\n", d.why);
		return 1;
	}
	fds[1].fd = cells_poll_fd(c);
	printf("{\"ready\": %d}\n", getpid());
	fflush(stdout);
	for (;;) {
		poll(fds, 2, -1);
		if (fds[1].revents && cells_dispatch(c) < 0)
			return 2;
		if (fds[0].revents && !take_lines(c))
			break;
	}
	cells_close(c);
	return 0;
}
