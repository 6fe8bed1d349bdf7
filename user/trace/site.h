/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a function a probe costs least. A trap on an instruction that the kernel emulates costs
 * a fifth of one on an instruction that it must copy and step over (Go's own entry, `cmp rsp`,
 * is such a one), so the prologue is decoded and the best place in it is taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a hit makes the kernel do; ascending cost. */
enum site_kind {
	SITE_TRAMPOLINE,	/* Linux 6.18: a 5-byte nop becomes a call, no trap */
	SITE_EMULATED,		/* a trap, and the instruction is emulated */
	SITE_STEPPED,		/* a trap, and the instruction is run elsewhere, single-stepped */
	SITE_KINDS
};
/* "trampoline", "emulated", "stepped". */
const char *site_kind_name(enum site_kind k);

/* The general registers by the processor's numbering, for `keep`. */
enum {
	SITE_RAX = 1 << 0, SITE_RCX = 1 << 1, SITE_RDX = 1 << 2, SITE_RBX = 1 << 3,
	SITE_RSI = 1 << 6, SITE_RDI = 1 << 7, SITE_R8 = 1 << 8, SITE_R9 = 1 << 9,
	SITE_R14 = 1 << 14,	/* Go's g */
};

struct probe_site {
	uint32_t offset;	/* from the function's entry */
	enum site_kind kind;
	/*
	 * In front of the check for stack space, after which Go may enter the function anew: a
	 * call may be seen twice. True of a Go function's entry.
	 */
	bool repeats;
	/* The frame at that place: the return address is at sp + ret_offset. */
	uint32_t ret_offset;
	/* rbp is the function's own frame already ([rbp] caller's, [rbp + 8] return address). */
	bool own_frame;
};

/*
 * Chooses in `code`, the whole function of `len` bytes, whose first byte stands at file offset
 * `entry` (a 5-byte nop must not cross a page). The registers of the mask `keep` hold at the site
 * what they held at entry. `nops`: the kernel handles nops of every length, see site_nops().
 *
 * Always finds a site: at worst the entry. The site lies in the code that each call runs once: in
 * front of the first branch, and of everything that the function jumps back to.
 */
struct probe_site site_choose(const uint8_t *code, size_t len, uint64_t entry, uint32_t keep, bool nops);

/*
 * Does this kernel emulate nops of every length, and put a trampoline at those of 5 bytes
 * (Linux 6.18, which came with the system call uprobe(2))?
 */
bool site_nops(void);
