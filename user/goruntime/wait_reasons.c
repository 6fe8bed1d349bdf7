// SPDX-License-Identifier: Apache-2.0
#include "goruntime/wait_reasons.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

/* Go 1.27 has 48; waitReason is a uint8. */
#define REASONS_MAX 256
/* The longest so far has 31 bytes, "sync.WaitGroup.Wait (durable)" and the like. */
#define TEXT_MAX 64
#define CHUNK (256u << 10)
/* Bytes of data that are searched; 100 MB binaries have some 10 MB. */
#define SEARCH_MAX (512ull << 20)

static const char first_text[] = "GC assist marking";

struct table {
	const struct moduledata *md;
	struct mem *live, *file;
};

static int read_text(const struct table *t, uint64_t addr, char *buf, size_t len)
{
	int r = mem_read(t->file, addr, buf, len);

	return r == -EFAULT ? mem_read(t->live, addr, buf, len) : r;
}

static bool printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

/* The text of a string header; its length, or 0 when it is no reason's. */
static size_t reason_text(const struct table *t, uint64_t ptr, uint64_t len, char *buf)
{
	if (!ptr || !len || len > TEXT_MAX || read_text(t, ptr, buf, len) < 0 ||
	    !printable(buf, len))
		return 0;
	return len;
}

/* Is there, at this offset, an empty string and then the text of reason 1? */
static bool starts_here(const struct table *t, struct span *chunk, uint64_t off)
{
	char buf[TEXT_MAX];

	if (span_u64(chunk, off) || span_u64(chunk, off + 8) ||
	    span_u64(chunk, off + 24) != sizeof(first_text) - 1)
		return false;
	return reason_text(t, span_u64(chunk, off + 16), sizeof(first_text) - 1, buf) &&
	       memcmp(buf, first_text, sizeof(first_text) - 1) == 0;
}

/* 1 with the table's address, 0 not there, or the errno of reading. */
static int search(const struct table *t, uint64_t start, uint64_t end, uint8_t *bytes,
		  uint64_t *ret)
{
	if (end > start && end - start > SEARCH_MAX)
		end = start + SEARCH_MAX;
	/* Neighbouring chunks share three words. */
	for (uint64_t at = start; at < end && end - at >= 32; at += CHUNK - 24) {
		size_t len = end - at < CHUNK ? end - at : CHUNK;
		int r = mem_read(t->live, at, bytes, len);
		struct span chunk = span_of(bytes, len);

		if (r < 0 && r != -EFAULT)
			return r;
		for (uint64_t off = 0; r == 0 && off + 32 <= len; off += 8) {
			if (starts_here(t, &chunk, off)) {
				*ret = at + off;
				return 1;
			}
		}
		if (len < CHUNK)
			break;
	}
	return 0;
}

static uint32_t read_reasons(const struct table *t, uint64_t at, struct arena *a,
			     const char **reasons)
{
	uint64_t header[2];
	char buf[TEXT_MAX];
	uint32_t n = 1;

	reasons[0] = "";
	for (; n < REASONS_MAX; n++) {
		size_t len;

		if (mem_read(t->live, at + 16 * n, header, sizeof(header)) < 0)
			break;
		len = reason_text(t, header[0], header[1], buf);
		if (!len)
			break;
		reasons[n] = arena_intern(a, buf, len);
		if (!reasons[n])
			return 0;
	}
	return n;
}

static const char *missing_word(const char *const *reasons, uint32_t n)
{
	static const char *const words[] = { "IO wait", "select", "chan receive", "chan send",
					     "semacquire", "sleep" };

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		uint32_t i = 0;

		while (i < n && strcmp(reasons[i], words[w]) != 0)
			i++;
		if (i == n)
			return words[w];
	}
	return NULL;
}

int wait_reasons_find(const struct moduledata *md, struct mem *live, struct mem *file,
		      struct arena *a, const char ***ret, uint32_t *ret_n, struct diag *d)
{
	struct table t = { .md = md, .live = live, .file = file };
	uint8_t *bytes = malloc(CHUNK);
	const char **reasons, *missing;
	uint64_t at;
	uint32_t n;
	int r;

	if (!bytes)
		return -ENOMEM;
	r = search(&t, md->data, md->edata, bytes, &at);
	if (r == 0)
		r = search(&t, md->noptrdata, md->enoptrdata, bytes, &at);
	free(bytes);
	if (r < 0)
		return diag_fail(d, r, "the data of the Go runtime cannot be read");
	if (r == 0)
		return diag_fail(d, -EOPNOTSUPP, "runtime.waitReasonStrings was not found");

	reasons = arena_alloc(a, REASONS_MAX, sizeof(*reasons));
	n = reasons ? read_reasons(&t, at, a, reasons) : 0;
	if (!n)
		return -ENOMEM;
	missing = missing_word(reasons, n);
	if (missing)
		return diag_fail(d, -EOPNOTSUPP, "runtime.waitReasonStrings has no \"%s\"",
				 missing);
	*ret = reasons;
	*ret_n = n;
	return 0;
}
