// SPDX-License-Identifier: Apache-2.0
#include "collect/retained_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Steps that are followed, names that are printed, and the part of it all that a way still has. */
#define MAX_STEPS 64
#define MAX_NAMES 6
#define LEAST_SHARE 0.25
/* Of an object, to find the word that leads on. */
#define WINDOW (64u << 10)
#define SEARCH_BYTES (4u << 20)

struct path {
	struct go_runtime *rt;
	const struct object_graph *g;
	struct arena *a;
	uint8_t *buf;
	const char *text;		/* so far */
	const char *last;		/* its last name */
	unsigned int names;
};

/* The word of [addr, addr + bytes) that leads to the node: its offset, or UINT64_MAX. */
static uint64_t find_word(struct path *p, uint64_t addr, uint64_t bytes, uint32_t node)
{
	if (bytes > SEARCH_BYTES)
		bytes = SEARCH_BYTES;
	for (uint64_t at = 0; at < bytes; at += WINDOW) {
		size_t len = bytes - at < WINDOW ? bytes - at : WINDOW;
		struct span s = span_of(p->buf, len);

		if (mem_read(p->rt->live, addr + at, p->buf, len) < 0)
			return UINT64_MAX;
		for (size_t i = 0; i + 8 <= len; i += 8)
			if (object_graph_find(p->g, span_u64(&s, i)) == node)
				return at + i;
	}
	return UINT64_MAX;
}

/* Objects that carry their type have it in front of the value. */
static uint64_t header_of(const struct path *p, const struct graph_object *o)
{
	return p->rt->minor >= 22 && !o->span->noscan && o->span->class != 0 &&
			       o->bytes > 512
		       ? 8
		       : 0;
}

static int add_name(struct path *p, const char *name)
{
	if (!name || (p->last && strcmp(p->last, name) == 0))
		return 0;
	p->last = name;
	p->names++;
	p->text = arena_printf(p->a, "%s -> %s", p->text, name);
	return p->text ? 0 : -ENOMEM;
}

/*
 * The type of the object that a step leads to: by what points to it, else by what it says of
 * itself.
 */
static struct typed step_type(struct path *p, struct typed from, uint64_t addr, uint64_t bytes,
			      const struct retain_step *step)
{
	uint64_t off = addr ? find_word(p, addr, bytes, step->node) : UINT64_MAX;
	struct typed t = { 0 };

	if (off != UINT64_MAX)
		t = from.kind == TYPED_UNKNOWN ? type_walk_guess(p->rt, addr, off)
					       : type_walk(p->rt, from, addr, off);
	if (t.kind == TYPED_UNKNOWN)
		t = type_walk_own(p->rt, object_graph_type(p->g, p->rt, step->node),
				  object_graph_object(p->g, step->node).bytes);
	return t;
}

/* What a variable of that type points to: "*T" of "[64]*T", "map" of "map[int]T". NULL: not said. */
static const char *name_of_target(const char *type)
{
	while (type && type[0] == '[' && type[1] >= '0' && type[1] <= '9') {
		type = strchr(type, ']');
		type = type ? type + 1 : NULL;
	}
	if (!type)
		return NULL;
	return strncmp(type, "map[", 4) == 0	 ? "map"
	       : strncmp(type, "func(", 5) == 0 ? "func"
	       : strncmp(type, "chan ", 5) == 0 ? "chan"
	       : strcmp(type, "string") == 0	 ? "string"
	       : type[0] == '*' || type[0] == '[' ? type
						  : NULL;
}

static int follow(struct path *p, const struct retained_root *root, const struct retain_step *steps,
		  size_t n)
{
	uint64_t addr = root->addr, bytes = root->size, whole = root->bytes;
	struct typed type = root->type;
	struct graph_object o = { 0 };
	double share = 1;
	bool named = false;
	int r = 0;

	for (size_t i = 0; i < n && p->names < MAX_NAMES && r == 0; i++) {
		const char *name;

		share *= steps[i].siblings_bytes < whole && whole
				 ? (double)steps[i].siblings_bytes / (double)whole
				 : 1;
		if (share < LEAST_SHARE)
			break;
		type = step_type(p, type, addr, bytes, &steps[i]);
		o = object_graph_object(p->g, steps[i].node);
		addr = o.addr + header_of(p, &o);
		bytes = o.bytes - header_of(p, &o);
		whole = steps[i].bytes;
		name = type_walk_name(p->rt, type);
		if (!name && i == 0)
			name = name_of_target(root->type_name);
		/* Of a map whose head nobody knew. */
		if (!name && type.kind == TYPED_MAP_SLOTS && (!p->last || !named))
			name = "map";
		named = name || type.kind == TYPED_MAP_TABLES || type.kind == TYPED_MAP_TABLE ||
			type.kind == TYPED_MAP_SLOTS;
		r = add_name(p, name);
	}
	/* Where the way ends without a name, the size of what stands there is something. */
	if (r == 0 && o.bytes && !named)
		r = add_name(p, arena_printf(p->a, "objects of %llu bytes",
					     (unsigned long long)o.bytes));
	return r;
}

const char *retained_path(struct go_runtime *rt, const struct object_graph *g,
			  const struct retain *retain, const struct retained_root *root,
			  struct arena *a)
{
	struct path p = { .rt = rt, .g = g, .a = a, .text = root->name };
	struct retain_step steps[MAX_STEPS];
	size_t n = retain_way(retain, root->number, steps, MAX_STEPS);
	int r;

	p.buf = malloc(WINDOW);
	r = p.buf ? follow(&p, root, steps, n) : -ENOMEM;
	free(p.buf);
	return r == 0 && p.names ? p.text : NULL;
}
