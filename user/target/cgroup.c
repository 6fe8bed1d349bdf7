// SPDX-License-Identifier: Apache-2.0
#include "target/cgroup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "target/process.h"

enum { CONTAINER_ID = 64 };	/* hex digits: Docker, containerd, CRI-O and Podman alike */

struct piece {
	const char *at;
	size_t len;
};

/* One "ID:CONTROLLERS:PATH" line; false when it is none. */
static bool path_of(struct piece line, struct piece *path, bool *unified)
{
	const char *first = memchr(line.at, ':', line.len), *second;

	if (!first)
		return false;
	second = memchr(first + 1, ':', line.len - (size_t)(first + 1 - line.at));
	if (!second)
		return false;
	path->at = second + 1;
	path->len = line.len - (size_t)(path->at - line.at);
	*unified = second == first + 1;
	return path->len > 0 && path->at[0] == '/';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The innermost run of exactly 64 hex digits: a container may run others. */
static struct piece container_in(struct piece path)
{
	struct piece found = { NULL, 0 };
	size_t run = 0;

	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && is_hex(path.at[i])) {
			run++;
			continue;
		}
		if (run == CONTAINER_ID)
			found = (struct piece){ path.at + i - run, run };
		run = 0;
	}
	return found;
}

static bool ends_with(struct piece s, const char *tail)
{
	size_t n = strlen(tail);

	return s.len > n && memcmp(s.at + s.len - n, tail, n) == 0;
}

/* The innermost component that systemd would call a service or a scope. */
static struct piece unit_in(struct piece path)
{
	struct piece found = { NULL, 0 }, part;

	for (size_t at = 0; at < path.len; at += part.len + 1) {
		const char *slash = memchr(path.at + at, '/', path.len - at);

		part.at = path.at + at;
		part.len = slash ? (size_t)(slash - part.at) : path.len - at;
		if (ends_with(part, ".service") || ends_with(part, ".scope"))
			found = part;
	}
	return found;
}

static int keep(struct arena *a, struct piece s, const char **ret)
{
	if (!s.at)
		return 0;
	*ret = arena_strndup(a, s.at, s.len);
	return *ret ? 0 : -ENOMEM;
}

int cgroup_parse(const char *text, size_t len, struct arena *a, struct process_facts *ret)
{
	struct piece best = { NULL, 0 }, container = { NULL, 0 }, unit = { NULL, 0 }, line;
	bool best_unified = false, best_root = true;
	int r;

	for (size_t at = 0; at < len; at += line.len + 1) {
		const char *end = memchr(text + at, '\n', len - at);
		struct piece path;
		bool unified, root;

		line.at = text + at;
		line.len = end ? (size_t)(end - line.at) : len - at;
		if (!path_of(line, &path, &unified))
			continue;
		/* A path that says something before one that is the root; then the unified. */
		root = path.len == 1;
		if (!best.at || (best_root && !root) ||
		    (best_root == root && unified && !best_unified)) {
			best = path;
			best_unified = unified;
			best_root = root;
		}
		if (!container.at)
			container = container_in(path);
		if (!unit.at)
			unit = unit_in(path);
	}
	r = keep(a, best, &ret->cgroup);
	if (r == 0)
		r = keep(a, container, &ret->container_id);
	if (r == 0)
		r = keep(a, unit, &ret->unit);
	return r;
}
