// SPDX-License-Identifier: Apache-2.0
#include "target/cgroup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "target/process.h"

enum {
	CONTAINER_ID = 64,	/* hex digits: Docker, containerd, CRI-O and Podman alike */
	POD_UID = 36,		/* characters of a uid with its dashes */
	POD_UID_PLAIN = 32,	/* hex digits of one without */
};

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

/* 8-4-4-4-12 hex digits, or 32 of them for a pod of a file on the node. */
static size_t pod_uid_len(const char *at, size_t room)
{
	size_t n = 0;

	while (n < room && is_hex(at[n]))
		n++;
	if (n == POD_UID_PLAIN)
		return n;
	for (n = 0; n < room && n < POD_UID; n++) {
		bool dash = n == 8 || n == 13 || n == 18 || n == 23;

		/* The systemd driver may use dashes for nothing but its slices. */
		if (dash ? at[n] != '-' && at[n] != '_' : !is_hex(at[n]))
			return 0;
	}
	return n == POD_UID && (n == room || !is_hex(at[n])) ? n : 0;
}

/*
 * ".../pod<uid>/..." below "kubepods" (cgroupfs driver), or "...-pod<uid>.slice" (systemd driver).
 * Below "kubepods" alone: anybody may call a cgroup "pod".
 */
static struct piece pod_in(struct piece path)
{
	static const char root[] = "kubepods", mark[] = "pod";
	struct piece found = { NULL, 0 };
	const char *from = memmem(path.at, path.len, root, sizeof(root) - 1);
	const char *end = path.at + path.len;

	for (const char *p = from; p; p = memmem(p + 1, (size_t)(end - p - 1), mark, sizeof(mark) - 1)) {
		const char *uid = p + sizeof(mark) - 1;
		size_t n;

		if (p == from || (p[-1] != '/' && p[-1] != '-'))
			continue;
		n = pod_uid_len(uid, (size_t)(end - uid));
		if (n)
			found = (struct piece){ uid, n };
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

static int keep_uid(struct arena *a, struct piece s, const char **ret)
{
	char *uid;

	if (!s.at)
		return 0;
	uid = arena_strndup(a, s.at, s.len);
	if (!uid)
		return -ENOMEM;
	for (size_t i = 0; i < s.len; i++)
		if (uid[i] == '_')
			uid[i] = '-';
	*ret = uid;
	return 0;
}

int cgroup_parse(const char *text, size_t len, struct arena *a, struct process_facts *ret)
{
	struct piece best = { NULL, 0 }, container = { NULL, 0 }, unit = { NULL, 0 };
	struct piece pod = { NULL, 0 }, line;
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
		if (!pod.at)
			pod = pod_in(path);
		if (!unit.at)
			unit = unit_in(path);
	}
	r = keep(a, best, &ret->cgroup);
	if (r == 0)
		r = keep(a, container, &ret->container_id);
	if (r == 0)
		r = keep_uid(a, pod, &ret->pod_uid);
	if (r == 0)
		r = keep(a, unit, &ret->unit);
	return r;
}
