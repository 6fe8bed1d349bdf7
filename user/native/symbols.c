// SPDX-License-Identifier: Apache-2.0
#include "native/symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "model/limits.h"
#include "native/modules.h"

/* The frames of one address: a function and what was inlined into it there. */
struct expansion {
	struct frame frames[LIMIT_INLINE_DEPTH];
	size_t n;
};

const char *symbols_function(struct modules *m, uint64_t pc, bool return_address)
{
	uint64_t lookup = return_address ? pc - 1 : pc;
	struct module *module = modules_find(m, lookup);
	struct functions *names = module ? module_functions(module) : NULL;
	struct function f;

	if (!names || functions_find(names, lookup - module_bias(module), &f) < 0)
		return NULL;
	return f.name;
}

static const char *intern(struct arena *a, const char *s)
{
	return arena_intern(a, s, strnlen(s, LIMIT_NAME));
}

/* Fills function and entry of the physical frame. -ENOMEM. */
static int name_function(struct module *module, uint64_t addr, struct arena *a, struct frame *ret)
{
	struct functions *names = module_functions(module);
	struct function f;

	if (names && functions_find(names, addr, &f) == 0) {
		ret->entry = f.start + module_bias(module);
		ret->function = intern(a, f.name);
	} else {
		ret->function = arena_printf(a, "%.255s+0x%" PRIx64, module_name(module), addr);
	}
	return ret->function ? 0 : -ENOMEM;
}

static int add_lines(struct module *module, uint64_t addr, struct arena *a, struct expansion *x)
{
	struct line_place places[LIMIT_INLINE_DEPTH];
	struct lines *lines = module_lines(module);
	struct frame outermost = x->frames[0];
	size_t n = lines ? lines_find(lines, addr, places, LIMIT_INLINE_DEPTH) : 0;

	for (size_t i = 0; i < n; i++) {
		struct frame *f = &x->frames[i];

		*f = outermost;
		f->inlined = places[i].inlined;
		f->line = places[i].line;
		f->file = places[i].file ? intern(a, places[i].file) : NULL;
		/* The symbol table's name is the one by which others know the function. */
		if (places[i].function && (places[i].inlined || !outermost.entry))
			f->function = intern(a, places[i].function);
		if (!f->function || (places[i].file && !f->file))
			return -ENOMEM;
	}
	if (n)
		x->n = n;
	return 0;
}

static int expand(struct modules *m, uint64_t pc, uint64_t lookup, bool with_lines,
		  struct arena *a, struct expansion *x)
{
	struct module *module = modules_find(m, lookup);
	int r;

	x->n = 1;
	x->frames[0] = (struct frame){ .pc = pc };
	if (!module)
		return 0;
	lookup -= module_bias(module);
	r = name_function(module, lookup, a, &x->frames[0]);
	if (r == 0 && with_lines)
		r = add_lines(module, lookup, a, x);
	return r;
}

int symbols_stack(struct modules *m, const uint64_t *pcs, uint32_t n, bool truncated,
		  bool with_lines, struct arena *a, struct stack *ret)
{
	struct frame *frames = arena_alloc(a, LIMIT_FRAMES, sizeof(*frames));
	struct expansion x;
	uint32_t used = 0;

	if (!frames)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int r = expand(m, pcs[i], i ? pcs[i] - 1 : pcs[i], with_lines, a, &x);

		if (r < 0)
			return r;
		if (x.n > LIMIT_FRAMES - used) {
			truncated = true;
			break;
		}
		memcpy(frames + used, x.frames, x.n * sizeof(*frames));
		used += (uint32_t)x.n;
	}
	*ret = (struct stack){ .frames = frames, .n = used, .truncated = truncated };
	return 0;
}
