// SPDX-License-Identifier: Apache-2.0
#include "fake_pclntab.h"

#include <assert.h>
#include <string.h>

/* Up to this value holds. */
struct until {
	uint32_t end;
	int32_t value;
};

static void put(struct fake_pclntab *t, const void *bytes, size_t n)
{
	assert(t->len + n <= sizeof(t->bytes));
	memcpy(t->bytes + t->len, bytes, n);
	t->len += n;
}

static void put8(struct fake_pclntab *t, uint8_t v)
{
	put(t, &v, sizeof(v));
}

static void put32(struct fake_pclntab *t, uint32_t v)
{
	put(t, &v, sizeof(v));
}

static void set64(struct fake_pclntab *t, size_t at, uint64_t v)
{
	memcpy(t->bytes + at, &v, sizeof(v));
}

static void put_uvarint(struct fake_pclntab *t, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		put8(t, (uint8_t)(v | 0x80));
	put8(t, (uint8_t)v);
}

/* Offset in the name table. */
static uint32_t put_name(struct fake_pclntab *t, size_t table, const char *name)
{
	uint32_t off = (uint32_t)(t->len - table);

	put(t, name, strlen(name) + 1);
	return off;
}

/* A pc-value table as cmd/internal/obj/pcln.go encodes it; its offset in pctab. */
static uint32_t put_values(struct fake_pclntab *t, const struct until *v)
{
	uint32_t off = (uint32_t)(t->len - t->at_pctab), pc = 0;
	int32_t value = -1;

	for (; v->end; v++) {
		uint32_t delta = (uint32_t)v->value - (uint32_t)value;

		put_uvarint(t, delta << 1 ^ ((int32_t)delta < 0 ? UINT32_MAX : 0));
		put_uvarint(t, v->end - pc);
		value = v->value;
		pc = v->end;
	}
	put8(t, 0);
	return off;
}

static void put_inlined(struct fake_pclntab *t, bool old, uint32_t name, uint32_t parent_pc,
			uint32_t start_line)
{
	if (old) {
		put32(t, 0xffff);	/* parent -1, funcID normal */
		put32(t, 0);
		put32(t, 0);
		put32(t, name);
		put32(t, parent_pc);
		return;
	}
	put32(t, 0);
	put32(t, name);
	put32(t, parent_pc);
	put32(t, start_line);
}

struct func_words {
	uint32_t name, pcsp, pcfile, pcln, inlined;
	uint8_t id;
};

static void put_func(struct fake_pclntab *t, bool old, uint32_t i, const struct func_words *f)
{
	put32(t, 0x100 * i);
	put32(t, f->name);
	put32(t, 0);
	put32(t, 0);
	put32(t, f->pcsp);
	put32(t, f->pcfile);
	put32(t, f->pcln);
	put32(t, 3);	/* npcdata */
	put32(t, 0);	/* cuOffset */
	if (!old)
		put32(t, 9 + i);	/* startLine */
	put8(t, f->id);
	put8(t, 0);
	put8(t, 0);
	put8(t, 4);	/* nfuncdata */
	put32(t, 0);
	put32(t, 0);
	put32(t, f->inlined);
	put32(t, UINT32_MAX);
	put32(t, UINT32_MAX);
	put32(t, UINT32_MAX);
	put32(t, f->inlined ? 0 : UINT32_MAX);
}

/* pctab: where each function's tables stand goes to f. */
static void put_tables(struct fake_pclntab *t, struct func_words *f)
{
	static const struct until zero[] = { { 0x100, 0 }, { 0 } };

	t->at_pctab = t->len;
	put8(t, 0);	/* offset 0 means none */
	for (int i = 0; i < FAKE_FUNCS; i++) {
		const struct until lines[] = { { 0x40, 10 * (i + 1) }, { 0x100, 10 * (i + 1) + 1 },
					       { 0 } };

		f[i].pcfile = put_values(t, zero);
		f[i].pcln = put_values(t, lines);
		f[i].pcsp = put_values(t, (struct until[]){ { 0x10, 0 }, { 0x100, 24 }, { 0 } });
	}
	f[FAKE_CALLER].pcfile = put_values(
		t, (struct until[]){ { 0x20, 0 }, { 0x40, 1 }, { 0x100, 0 }, { 0 } });
	f[FAKE_CALLER].pcln = put_values(t, (struct until[]){ { 0x20, 20 }, { 0x30, 5 },
							      { 0x40, 7 }, { 0x100, 22 }, { 0 } });
	f[FAKE_CALLER].inlined = put_values(
		t, (struct until[]){ { 0x20, -1 }, { 0x30, 0 }, { 0x40, 1 }, { 0x100, -1 }, { 0 } });
}

/* ftab and the records that it points to. */
static void put_funcs(struct fake_pclntab *t, bool old, const struct func_words *f)
{
	t->len = (t->len + 3) & ~3ul;
	t->at_ftab = t->len;
	t->len += 8 * FAKE_FUNCS + 4;
	for (uint32_t i = 0; i < FAKE_FUNCS; i++) {
		uint32_t entry[3] = { 0x100 * i, (uint32_t)(t->len - t->at_ftab), 0x100 * (i + 1) };

		memcpy(t->bytes + t->at_ftab + 8 * i, entry, sizeof(entry));
		put_func(t, old, i, &f[i]);
	}
}

void fake_pclntab_build(int minor, struct fake_pclntab *t)
{
	static const char *const names[] = {
		"main.plain", "main.caller", "main.wrapper", "runtime.gopanic",
		"main.generic[go.shape.int].func1",
		"main.(*box[go.shape.[]string]).convert[go.shape.int]",
	};
	bool old = minor < 20;
	struct func_words f[FAKE_FUNCS] = { 0 };
	uint32_t middle, inner;

	memset(t, 0, sizeof(*t));
	put32(t, old ? 0xfffffff0 : 0xfffffff1);
	put32(t, 0x08010000);
	t->len = 72;
	t->at_names = t->len;
	for (int i = 0; i < FAKE_FUNCS; i++)
		f[i].name = put_name(t, t->at_names, names[i]);
	middle = put_name(t, t->at_names, "main.middle");
	inner = put_name(t, t->at_names, "main.inner");

	t->len = (t->len + 3) & ~3ul;
	t->at_cutab = t->len;
	put32(t, 0);
	put32(t, 5);
	set64(t, 48, t->len);
	put(t, "a.go\0b.go", 10);

	put_tables(t, f);
	/* Numbers of Go 1.18 and of Go 1.22. */
	f[FAKE_WRAPPER].id = minor < 22 ? 21 : minor < 25 ? 22 : 23;
	f[FAKE_GOPANIC].id = minor < 22 ? 9 : 10;

	put_funcs(t, old, f);
	t->at_tree = t->len;
	put_inlined(t, old, middle, 0x10, 4);
	put_inlined(t, old, inner, 0x28, 6);

	set64(t, 8, FAKE_FUNCS);
	set64(t, 16, 2);
	set64(t, 24, minor < 26 ? FAKE_TEXT : 0);
	set64(t, 32, t->at_names);
	set64(t, 40, t->at_cutab);
	set64(t, 56, t->at_pctab);
	set64(t, 64, t->at_ftab);
	t->where = (struct pclntab_where){
		.header = FAKE_TAB,
		.text = FAKE_TEXT,
		.etext = FAKE_ETEXT,
		.gofunc = FAKE_TAB + t->at_tree,
		.minor = minor,
	};
}
