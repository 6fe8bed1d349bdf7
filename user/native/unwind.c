// SPDX-License-Identifier: Apache-2.0
#include "native/unwind.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "native/modules.h"

/* What is copied of a stack before all that may be. */
#define FIRST_BYTES (8u << 10)

/* How far up a frame pointer is searched for: functions with larger frames are rare. */
#define SEARCH_BYTES 4096

struct walk {
	struct modules *modules;
	struct cfi_regs regs;
	struct mem *stack, *code;
	uint64_t stack_end;
	bool exact_pc;		/* regs' pc is where it stopped, not a return address */
};

static void free_p(void *p)
{
	free(*(void **)p);
}

/*
 * Does a call end just before this address? E8 rel32, or FF /2 in one of its lengths (Intel SDM,
 * CALL). *target is where the former goes to, else 0.
 */
static bool follows_call(struct mem *code, uint64_t addr, uint64_t *target)
{
	uint8_t b[7];
	int32_t rel;

	if (addr < sizeof(b) || mem_read(code, addr - sizeof(b), b, sizeof(b)) < 0)
		return false;
	*target = 0;
	if (b[2] == 0xe8) {
		__builtin_memcpy(&rel, b + 3, sizeof(rel));
		*target = addr + (uint64_t)(int64_t)rel;
		return true;
	}
	for (unsigned int len = 2; len <= 7; len++)
		if (b[7 - len] == 0xff && (b[8 - len] >> 3 & 7) == 2)
			return true;
	return false;
}

static uint64_t function_start(struct modules *m, uint64_t pc)
{
	struct module *module = modules_find(m, pc);
	struct functions *names = module ? module_functions(module) : NULL;
	struct function f;

	if (!names || functions_find(names, pc - module_bias(module), &f) < 0)
		return 0;
	return f.start + module_bias(module);
}

/* Functions of more code than this are rare. */
#define FUNCTION_BYTES (64u << 10)

/*
 * May the call before `ret_pc`, to `target` (0: through a pointer), be the one that made this
 * frame? *sure: it is a call of this very function.
 */
static bool may_have_called(struct walk *w, uint64_t own, uint64_t ret_pc, uint64_t target,
			    bool *sure)
{
	uint64_t pc = w->regs.value[CFI_PC];

	*sure = own && target == own;
	if (*sure || target == 0)
		return true;
	/* Between files it goes by way of a PLT. */
	if (modules_find(w->modules, ret_pc) != modules_find(w->modules, pc))
		return true;
	return !own && target < pc && pc - target < FUNCTION_BYTES;
}

/*
 * The frame needs rbp, which nobody has told us: a frame pointer points at the caller's and, above
 * it, the address it returns to. The place whose return address follows a call of this very
 * function is it; else the first whose follows one that may have been.
 */
static bool search_frame_pointer(struct walk *w)
{
	uint64_t sp = w->regs.value[CFI_RSP], end = w->stack_end, found = 0;
	uint64_t own = function_start(w->modules, w->regs.value[CFI_PC] - 1);
	bool sure = false;

	if (!w->code || !cfi_knows(&w->regs, CFI_RSP) || sp >= end || end - sp < 16)
		return false;
	if (end - sp > SEARCH_BYTES)
		end = sp + SEARCH_BYTES;
	for (uint64_t at = (sp + 7) & ~7ull; at <= end - 16 && !sure; at += 8) {
		uint64_t pc, target;

		if (mem_read_u64(w->stack, at + 8, &pc) < 0)
			break;
		if (modules_executable(w->modules, pc) && follows_call(w->code, pc, &target) &&
		    may_have_called(w, own, pc, target, &sure) && (!found || sure))
			found = at;
	}
	if (found)
		cfi_set(&w->regs, CFI_RBP, found);
	return found != 0;
}

/* A function without information (assembly, generated code) that keeps a frame pointer. */
static int step_by_frame_pointer(struct walk *w)
{
	uint64_t fp = w->regs.value[CFI_RBP], sp = w->regs.value[CFI_RSP], pc, caller;
	struct cfi_regs next = { .known = 0 };

	if (!cfi_knows(&w->regs, CFI_RBP) || fp < sp || fp & 7 || fp > w->stack_end - 16)
		return -ENODATA;
	if (mem_read_u64(w->stack, fp, &caller) < 0 || mem_read_u64(w->stack, fp + 8, &pc) < 0)
		return -EFAULT;
	if (!modules_executable(w->modules, pc))
		return -ENODATA;
	cfi_set(&next, CFI_RBP, caller);
	cfi_set(&next, CFI_RSP, fp + 16);
	cfi_set(&next, CFI_PC, pc);
	w->regs = next;
	return 1;
}

static int step(struct walk *w, bool *guessed)
{
	uint64_t pc = w->regs.value[CFI_PC], sp = w->regs.value[CFI_RSP];
	uint64_t lookup = w->exact_pc ? pc : pc - 1;
	struct module *module = modules_find(w->modules, lookup);
	struct cfi *cfi = module ? module_cfi(module) : NULL;
	bool signal = false;
	int r = -ENODATA;

	if (cfi) {
		lookup -= module_bias(module);
		r = cfi_step(cfi, lookup, w->stack, &w->regs, &signal);
		if (r == -EADDRNOTAVAIL && search_frame_pointer(w)) {
			*guessed = true;
			r = cfi_step(cfi, lookup, w->stack, &w->regs, &signal);
		}
	}
	if (r == -ENODATA)
		r = step_by_frame_pointer(w);
	if (r <= 0)
		return r;
	w->exact_pc = signal;
	if (w->regs.value[CFI_PC] == 0)
		return 0;
	/* A stack grows down, and each call takes some of it: else this is no stack. */
	if (!cfi_knows(&w->regs, CFI_RSP) || w->regs.value[CFI_RSP] <= sp)
		return -EBADMSG;
	return 1;
}

void unwind_walk(struct modules *m, const struct cfi_regs *regs, struct mem *stack,
		 uint64_t stack_end, struct mem *code, struct unwound *ret)
{
	struct walk w = { .modules = m, .regs = *regs, .stack = stack, .code = code,
			  .stack_end = stack_end, .exact_pc = true };
	bool guessed = false;
	int r = 1;

	*ret = (struct unwound){ .guessed = LIMIT_C_FRAMES };
	while (r == 1 && ret->n < LIMIT_C_FRAMES) {
		if (ret->n && !modules_executable(m, w.regs.value[CFI_PC] - 1))
			break;
		if (guessed && ret->guessed == LIMIT_C_FRAMES)
			ret->guessed = ret->n;
		ret->pcs[ret->n++] = w.regs.value[CFI_PC];
		r = step(&w, &guessed);
	}
	ret->truncated = r != 0;
	if (ret->guessed > ret->n)
		ret->guessed = ret->n;
}

int unwind_copy(struct modules *m, const struct cfi_regs *regs, const void *bytes, size_t len,
		struct mem *code, struct unwound *ret)
{
	CLEANUP(mem_close_p) struct mem *stack = NULL;
	struct mem_range range = { .addr = regs->value[CFI_RSP], .bytes = bytes, .len = len };
	int r = mem_array_open(&range, 1, &stack);

	if (r < 0)
		return r;
	unwind_walk(m, regs, stack, range.addr + len, code, ret);
	return 0;
}

int unwind_live(struct modules *m, const struct cfi_regs *regs, struct mem *live,
		struct unwound *ret)
{
	CLEANUP(free_p) void *bytes = malloc(LIMIT_C_STACK_BYTES);
	uint64_t sp = regs->value[CFI_RSP], end = modules_stack_end(m, sp);
	int r;

	if (sp >= end)
		return -EFAULT;
	if (!bytes)
		return -ENOMEM;
	/* Most stacks end within the first piece. */
	for (size_t want = FIRST_BYTES;; want = LIMIT_C_STACK_BYTES) {
		size_t len = end - sp < want ? end - sp : want;

		r = mem_read(live, sp, bytes, len);
		if (r == 0)
			r = unwind_copy(m, regs, bytes, len, live, ret);
		if (r < 0 || !ret->truncated || len < want || want == LIMIT_C_STACK_BYTES)
			return r;
	}
}
