// SPDX-License-Identifier: Apache-2.0
#include "trace/bpf_load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "trace/capabilities.h"

/* The last line that says something of libbpf's warnings, a verifier's log included. */
static _Thread_local char last_words[200];

static void keep_last_line(const char *text)
{
	const char *line = text, *best = text;
	size_t best_len = 0;

	while (*line) {
		size_t len = strcspn(line, "\n");

		/* The verifier ends with a statistics line, libbpf with a marker. */
		if (len && strncmp(line, "processed ", 10) != 0 && strncmp(line, "-- ", 3) != 0) {
			best = line;
			best_len = len;
		}
		line += len + (line[len] == '\n');
	}
	snprintf(last_words, sizeof(last_words), "%.*s", (int)best_len, best);
}

static int keep_words(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL;

	/* The first warning is nearest to the cause; but the verifier's log, which follows, says more. */
	if (level != LIBBPF_WARN || vasprintf(&text, fmt, ap) < 0)
		return 0;
	if (!*last_words || strstr(text, "BEGIN PROG LOAD LOG"))
		keep_last_line(text);
	free(text);
	return 0;
}

void trace_bpf_quiet(void)
{
	libbpf_set_print(keep_words);
	*last_words = '\0';
}

int trace_bpf_fail(struct diag *d, int err, const char *what)
{
	struct capabilities caps;
	char missing[80];

	if (err == -EPERM || err == -EACCES) {
		capabilities_read(&caps);
		capabilities_missing(&caps, false, missing, sizeof(missing));
		if (*missing)
			diag_fail(d, -EPERM, "%s: the kernel refuses its programs without%s", what,
				  missing);
		else
			diag_fail(d, -EPERM, "%s: the kernel refuses its programs", what);
		return diag_hint(d, -EPERM, "run as root, or see `loiter doctor`");
	}
	if (err == -ENOMEM)
		return -ENOMEM;
	if (err == -EMFILE || err == -ENFILE) {
		diag_fail(d, err, "%s: %s", what, strerror(-err));
		return diag_hint(d, err, "raise the limit (ulimit -n)");
	}
	if (*last_words)
		diag_fail(d, -EOPNOTSUPP, "%s: this kernel does not take its programs: %s", what,
			  last_words);
	else
		diag_fail(d, -EOPNOTSUPP, "%s: this kernel does not take its programs: %s", what,
			  strerror(-err));
	return diag_hint(d, -EOPNOTSUPP, "see `loiter doctor`");
}

int trace_sum_percpu(int map_fd, uint32_t slot, uint64_t *ret)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values, sum = 0;
	int r;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	r = bpf_map_lookup_elem(map_fd, &slot, values);
	for (int i = 0; r == 0 && i < cpus; i++)
		sum += values[i];
	free(values);
	if (r < 0)
		return r;
	*ret = sum;
	return 0;
}

int trace_pair_swap(struct trace_pair *p, int *ret_full)
{
	uint32_t slot = 0;
	int next = !p->filling, r;

	r = bpf_map_update_elem(p->outer, &slot, &p->maps[next], BPF_ANY);
	if (r < 0)
		return r;
	*ret_full = p->maps[p->filling];
	p->filling = next;
	return 0;
}

struct drain_buffers {
	char *keys, *values;
};

static void free_buffers(struct drain_buffers *b)
{
	free(b->keys);
	free(b->values);
}

int trace_map_drain(int map_fd, size_t key_size, size_t value_size,
		    int (*take)(void *arg, const void *key, const void *value), void *arg)
{
	enum { BATCH = 256 };
	CLEANUP(free_buffers) struct drain_buffers b = {
		calloc(BATCH, key_size), calloc(BATCH, value_size)
	};
	char in[64], out[64];	/* where the kernel goes on: a bucket number, or a key */
	bool first = true;

	if (!b.keys || !b.values || key_size > sizeof(in))
		return -ENOMEM;
	for (;;) {
		uint32_t n = BATCH;
		int end = bpf_map_lookup_and_delete_batch(map_fd, first ? NULL : in, out, b.keys,
							  b.values, &n, NULL);

		/* -ENOENT: these were the last. -ENOSPC cannot be: 256 hold any bucket there is. */
		if (end < 0 && end != -ENOENT)
			return end;
		for (uint32_t i = 0; i < n; i++) {
			int r = take(arg, b.keys + i * key_size, b.values + i * value_size);

			if (r < 0)
				return r;
		}
		if (end < 0)
			return 0;
		memcpy(in, out, sizeof(in));
		first = false;
	}
}
