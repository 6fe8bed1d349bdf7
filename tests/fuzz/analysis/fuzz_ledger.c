// SPDX-License-Identifier: Apache-2.0
/*
 * Mappings, pages and claims of any kind, in the order of the input. Whatever they are, the parts
 * sum to RSS, files to their parts, and no page counts twice.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/ledger.h"
#include "base/cleanup.h"
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 6, FILES = 4, CLAIMS = 64 };

struct input {
	struct span in;
	uint64_t at;
	struct ledger_claim claims[2][CLAIMS];
	size_t n[2];
	struct ledger_mapping m;
	uint64_t end;		/* of the last pages: the kernel's ascend */
	uint64_t pages;
};

static void check(const struct input *s, const struct memory_ledger *sum, uint64_t low)
{
	uint64_t all = 0, text = 0, data = 0;

	for (int i = 0; i < MEMORY_PARTS; i++)
		all += sum->part[i];
	for (uint32_t i = 0; i < sum->n_files; i++) {
		text += sum->files[i].text_bytes;
		data += sum->files[i].data_bytes;
	}
	if (all != sum->rss_bytes || all > (s->pages > low ? s->pages : low))
		abort();
	if (text > sum->part[MEMORY_FILE_TEXT] || data > sum->part[MEMORY_FILE_DATA])
		abort();
}

/* A kind, two bytes that place it and one for its length. */
static void take(struct input *s, struct ledger *l)
{
	uint8_t kind = span_u8(&s->in, s->at), what = span_u8(&s->in, s->at + 1);
	uint64_t start = span_u16(&s->in, s->at + 2) * 64ull;
	uint64_t end = start + span_u16(&s->in, s->at + 4) * 16ull;

	s->at += RECORD;
	switch (kind % 4) {
	case 0:
	case 1:
		if (s->n[kind % 4] < CLAIMS)
			s->claims[kind % 4][s->n[kind % 4]++] =
				(struct ledger_claim){ start, end, what % (MEMORY_PARTS + 2) };
		l->layers[kind % 4].n = s->n[kind % 4];
		break;
	case 2:
		start = s->end > start ? s->end : start;
		s->m = (struct ledger_mapping){
			.start = start, .end = start + (end % 65536), .own = what % MEMORY_PARTS,
			.of_file = what / 16 % MEMORY_PARTS, .gap = kind / 4 % MEMORY_PARTS,
			.gap_bytes = kind & 128 ? 256 : 0, .doubtful = kind & 64,
			.apart = (kind & 48) == 48, .file = what % (FILES + 2),
		};
		ledger_begin(l, &s->m);
		break;
	default:
		start = s->end > start ? s->end : start;
		end = start + end % 65536;
		s->pages += end - start;
		s->end = end;
		ledger_pages(l, &(struct page_run){ start, end, what % 4, what & 16 });
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input s = { .in = span_of(data, size), .at = 8 };
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct ledger_file files[FILES] = { { .of.path = "a" }, { .of.path = "b" } };
	struct ledger l = { .n_layers = 2, .files = files, .n_files = FILES,
			    .tells_huge = size & 1 };
	struct memory_ledger sum = { 0 };
	uint64_t before = span_u32(&s.in, 0), after = span_u32(&s.in, 4);

	if (!a || size < 8 || size > 65536)
		return 0;
	for (int i = 0; i < 2; i++)
		l.layers[i] = (struct ledger_layer){ s.claims[i], 0, ledger_claim_at, 0 };
	ledger_begin(&l, &s.m);
	while (s.at + RECORD <= size)
		take(&s, &l);
	if (ledger_end(&l, before, after, a, &sum) < 0)
		abort();
	check(&s, &sum, before < after ? before : after);
	return 0;
}
