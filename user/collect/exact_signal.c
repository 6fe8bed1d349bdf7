// SPDX-License-Identifier: Apache-2.0
/*
 * The frame that the kernel makes for a handler (arch/x86/include/uapi/asm/ucontext.h,
 * sigcontext.h): flags, link, the bounds of the stack for signals, registers; above it those of the
 * FPU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "collect/exact_parts.h"

enum {
	/* A handler's own frames lie below the kernel's. Go's stack for signals has 32 KiB. */
	WINDOW = 64 << 10,
	WORDS = WINDOW / 8,
	PIECE = 4096,
	/*
	 * Words behind ss_sp: flags and padding, size, then 23 registers, of which rsp is the 16th.
	 */
	SIZE_AT = 2,
	RSP_AT = 3 + 15,
	FRAME_WORDS = 3 + 23,
	SIGNAL_STACK_MAX = 1 << 20,
};

/* Red zone: the interrupted code may use so much below its stack pointer. */
#define RED_ZONE 128

static void free_words(uint64_t **words)
{
	free(*words);
}

/*
 * Do the words at `at`, the first of which stands at addr, say that the stack they lie on is for
 * signals?
 */
static bool is_frame(const uint64_t *w, uint64_t addr, uint64_t sp)
{
	uint64_t lo = w[0], size = w[SIZE_AT];

	return lo && lo <= sp && size >= 2048 && size <= SIGNAL_STACK_MAX && addr - lo < size &&
	       w[-1] == 0 && w[RSP_AT] && w[RSP_AT] % 8 == 0;
}

/* As much as there is. */
static size_t read_stack(struct mem *m, uint64_t from, uint64_t *words)
{
	size_t n = 0;

	while (n < WORDS) {
		uint64_t at = from + 8 * n, end = (at / PIECE + 1) * PIECE;
		size_t k = (end - at) / 8 < WORDS - n ? (end - at) / 8 : WORDS - n;

		if (mem_read(m, at, words + n, 8 * k) < 0)
			break;
		n += k;
	}
	return n;
}

int exact_signal_frame(struct mem *m, const struct stopped_thread *t, struct exact_words *words,
		       uint64_t *ret_sp)
{
	uint64_t from = (t->sp - RED_ZONE) & ~7ull;
	CLEANUP(free_words) uint64_t *w = NULL;
	size_t n;

	*ret_sp = 0;
	/* Go blocks all in its handlers; C mostly none, and then the stack goes on below. */
	if (!t->blocked || t->sp < WINDOW)
		return 0;
	w = malloc(WINDOW);
	if (!w)
		return -ENOMEM;
	n = read_stack(m, from, w);
	for (size_t i = 1; i + FRAME_WORDS <= n; i++) {
		size_t used;

		if (!is_frame(w + i, from + 8 * i, t->sp))
			continue;
		used = (w[i] + w[i + SIZE_AT] - from) / 8;
		*ret_sp = w[i + RSP_AT];
		return exact_words_add(words, w, used < n ? used : n);
	}
	return 0;
}
