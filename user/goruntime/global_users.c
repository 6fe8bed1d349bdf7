// SPDX-License-Identifier: Apache-2.0
/* amd64: another processor needs its own operand_at(). */
#include "goruntime/global_users.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (256u << 10)
/* An operand's four bytes and the three of the instruction before them. */
#define OPERAND 7
#define NAMES_SHOWN 2
/* Functions that are remembered of one variable. */
#define MAX_FUNCTIONS 64

struct users {
	uint64_t entries[MAX_FUNCTIONS];
	uint32_t counts[MAX_FUNCTIONS];
	uint32_t n, more;
};

struct search {
	struct go_runtime *rt;
	struct global_user *all;
	struct users *users;
	size_t n;
	uint64_t low, high;	/* of the addresses */
};

/*
 * A 64-bit MOV, LEA or CMP of a register and what lies at a distance from the next instruction:
 * REX.W, opcode, ModRM with mod 0 and rm 5. True with that distance.
 */
static bool operand_at(const uint8_t *p, int32_t *distance)
{
	if ((p[0] & 0xf8) != 0x48 || (p[2] & 0xc7) != 0x05 ||
	    (p[1] != 0x8b && p[1] != 0x89 && p[1] != 0x8d && p[1] != 0x3b && p[1] != 0x39))
		return false;
	memcpy(distance, p + 3, sizeof(*distance));
	return true;
}

static void note(struct search *s, size_t at, uint64_t pc)
{
	struct users *u = &s->users[at];
	struct func f;
	uint32_t i;

	if (pclntab_find(s->rt->tab, pc, &f) < 0 || f.kind != FUNC_NORMAL ||
	    strncmp(f.name, "runtime.", 8) == 0 || strncmp(f.name, "type:.", 6) == 0)
		return;
	for (i = 0; i < u->n && u->entries[i] != f.entry; i++)
		;
	if (i == MAX_FUNCTIONS) {
		u->more++;
		return;
	}
	u->entries[i] = f.entry;
	u->counts[i]++;
	u->n += i == u->n;
}

static void scan(struct search *s, const uint8_t *code, size_t len, uint64_t addr)
{
	for (size_t i = 0; i + OPERAND <= len; i++) {
		int32_t distance;
		uint64_t target;

		if (!operand_at(code + i, &distance))
			continue;
		target = addr + i + OPERAND + (uint64_t)(int64_t)distance;
		if (target < s->low || target > s->high)
			continue;
		for (size_t k = 0; k < s->n; k++)
			if (target == s->all[k].addr)
				note(s, k, addr + i);
	}
}

static int scan_code(struct search *s, uint8_t *buf)
{
	uint64_t end = s->rt->md.etext;

	for (uint64_t at = s->rt->md.text; at + OPERAND <= end;) {
		size_t len = end - at < WINDOW ? end - at : WINDOW;
		int r = mem_read(s->rt->file, at, buf, len);

		if (r < 0)
			return r;
		scan(s, buf, len, at);
		/* An operand may lie across the end of a window. */
		at += len - OPERAND + 1;
	}
	return 0;
}

/* The functions that name it most often. */
static const char *names_of(struct search *s, struct users *u, struct arena *a)
{
	const char *text = NULL;
	uint32_t shown = 0, all = u->n + u->more;

	for (; shown < NAMES_SHOWN && shown < all; shown++) {
		uint32_t best = 0;
		struct func f;

		for (uint32_t i = 1; i < u->n; i++)
			if (u->counts[i] > u->counts[best])
				best = i;
		u->counts[best] = 0;
		if (pclntab_find(s->rt->tab, u->entries[best], &f) < 0)
			return text;
		text = text ? arena_printf(a, "%s, %s", text, f.name) : arena_strdup(a, f.name);
		if (!text)
			return NULL;
	}
	if (all > shown)
		text = arena_printf(a, "%s and %u more", text, all - shown);
	return text;
}

int global_users_find(struct go_runtime *rt, uint64_t max, struct global_user *all, size_t n,
		      struct arena *a)
{
	struct search s = { .rt = rt, .all = all, .n = n, .low = UINT64_MAX };
	uint8_t *buf;
	int r;

	if (rt->md.etext - rt->md.text > max)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		all[i].names = NULL;
		s.low = all[i].addr < s.low ? all[i].addr : s.low;
		s.high = all[i].addr > s.high ? all[i].addr : s.high;
	}
	s.users = calloc(n ? n : 1, sizeof(*s.users));
	buf = malloc(WINDOW);
	r = s.users && buf ? scan_code(&s, buf) : -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		all[i].names = names_of(&s, &s.users[i], a);
	free(buf);
	free(s.users);
	return r;
}
