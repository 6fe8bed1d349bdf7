// SPDX-License-Identifier: Apache-2.0
#include "image/buildinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"

/*
 * The linker's blob (cmd/link/internal/ld/data.go, buildinfo()): 14 bytes of magic, pointer size,
 * flags, 16 bytes that only Go 1.17 and older used, then two strings with a uvarint length.
 */
#define MAGIC "\xff Go buildinf:"
#define MAGIC_BYTES 14
#define HEADER_BYTES 32
#define FLAGS_AT 15
#define FLAG_INLINE 2
#define ALIGNMENT 16

/* Go frames the module information by two sentinels (cmd/go/internal/modload, infoStart). */
#define SENTINEL_BYTES 16

/* The module information of a program with a thousand dependencies is about 100 KiB. */
#define MAX_BLOB (4u << 20)
#define WINDOW (64u << 10)
/* The linker puts the blob first in the data; a file whose sections are gone is searched so far. */
#define MAX_SEARCH (256u << 20)

static void free_p(void *p)
{
	free(*(void **)p);
}

struct text {
	const char *s;
	size_t n;
};

static char *keep(struct arena *a, struct text t)
{
	return arena_strndup(a, t.s, t.n < LIMIT_NAME ? t.n : LIMIT_NAME);
}

/* Cuts the part before `stop` (or all) off *rest. */
static struct text cut(struct text *rest, char stop)
{
	const char *p = rest->n ? memchr(rest->s, stop, rest->n) : NULL;
	struct text t = { rest->s, p ? (size_t)(p - rest->s) : rest->n };
	size_t used = p ? t.n + 1 : t.n;

	rest->s += used;
	rest->n -= used;
	return t;
}

static bool is(struct text t, const char *s)
{
	return t.n == strlen(s) && memcmp(t.s, s, t.n) == 0;
}

/* One line of the module information: a word, a tab, and what it says. */
static int parse_line(struct text line, struct arena *a, struct buildinfo *b)
{
	struct text word = cut(&line, '\t');

	if (is(word, "path")) {
		b->path = keep(a, line);
		return b->path ? 0 : -ENOMEM;
	}
	if (is(word, "mod")) {
		b->module = keep(a, cut(&line, '\t'));
		return b->module ? 0 : -ENOMEM;
	}
	if (is(word, "build") && is(cut(&line, '='), "CGO_ENABLED")) {
		b->cgo_known = true;
		b->cgo = is(line, "1");
	}
	return 0;
}

/* A string with its length in front at *off. -EBADMSG when it reaches past the end. */
static int take_string(struct span *blob, size_t *off, struct text *ret)
{
	size_t n = span_uvarint(blob, off);

	if (blob->overrun || !span_has(blob, *off, n))
		return -EBADMSG;
	*ret = (struct text){ (const char *)blob->data + *off, n };
	*off += n;
	return 0;
}

static int parse_modinfo(struct text info, struct arena *a, struct buildinfo *b)
{
	/* As debug/buildinfo does: no sentinels, no module information. */
	if (info.n < 2 * SENTINEL_BYTES + 1 || info.s[info.n - SENTINEL_BYTES - 1] != '\n')
		return 0;
	info.s += SENTINEL_BYTES;
	info.n -= 2 * SENTINEL_BYTES;
	while (info.n) {
		int r = parse_line(cut(&info, '\n'), a, b);

		if (r < 0)
			return r;
	}
	return 0;
}

int buildinfo_parse(struct span blob, struct arena *a, struct buildinfo *ret, struct diag *d)
{
	struct buildinfo b = { .minor = -1 };
	size_t off = HEADER_BYTES;
	struct text version, info;
	int r;

	if (blob.len < HEADER_BYTES || memcmp(blob.data, MAGIC, MAGIC_BYTES) != 0)
		return diag_fail(d, -EBADMSG, "Go build information: no header");
	if (!(span_u8(&blob, FLAGS_AT) & FLAG_INLINE))
		return diag_fail(d, -EOPNOTSUPP, "it was built with Go 1.17 or older");
	if (take_string(&blob, &off, &version) < 0 || take_string(&blob, &off, &info) < 0 ||
	    version.n == 0)
		return diag_fail(d, -EBADMSG, "Go build information: malformed");
	b.go_version = keep(a, version);
	if (!b.go_version)
		return -ENOMEM;
	buildinfo_version(b.go_version, &b.minor, &b.patch);
	r = parse_modinfo(info, a, &b);
	if (r < 0)
		return r;
	*ret = b;
	return 0;
}

/* A number of at most three digits at *s, moving past it; -1 when there is none. */
static int number(const char **s)
{
	int n = 0, digits = 0;

	while (**s >= '0' && **s <= '9') {
		if (++digits > 3)
			return -1;
		n = n * 10 + (*(*s)++ - '0');
	}
	return digits ? n : -1;
}

bool buildinfo_version(const char *go_version, int *minor, int *patch)
{
	static const char prefix[] = "go1.";
	const char *s = go_version + strlen(prefix);
	int m, p = 0;

	*minor = -1;
	*patch = 0;
	if (strncmp(go_version, prefix, strlen(prefix)) != 0)
		return false;
	m = number(&s);
	if (m < 0)
		return false;
	if (*s == '.') {
		s++;
		p = number(&s);
		if (p < 0)
			return false;
	}
	/* "rc1", "beta2", " X:foo", "-vendor", "+auto": whatever follows, the release is known. */
	*minor = m;
	*patch = p;
	return true;
}

struct search {
	struct mem *m;
	uint8_t *buf;	/* WINDOW bytes */
	uint64_t left;	/* bytes that may still be searched */
};

/*
 * The address of the blob in the `len` bytes at start, which do not wrap, or 0. Its header must be
 * the inline or pointer form. Bytes that cannot be read end it: sizes are the file's word alone.
 */
static uint64_t search(struct search *q, uint64_t start, uint64_t len)
{
	uint64_t skip = -start % ALIGNMENT;

	for (uint64_t done = skip; done < len && q->left; done += WINDOW) {
		size_t n = len - done < WINDOW ? len - done : WINDOW;

		if (mem_read(q->m, start + done, q->buf, n) < 0)
			break;
		q->left -= n < q->left ? n : q->left;
		for (size_t i = 0; i + ALIGNMENT <= n; i += ALIGNMENT)
			if (memcmp(q->buf + i, MAGIC, MAGIC_BYTES) == 0 &&
			    q->buf[i + MAGIC_BYTES] == 8 && q->buf[i + FLAGS_AT] <= FLAG_INLINE)
				return start + done + i;
		if (len - done < WINDOW)
			break;
	}
	return 0;
}

/*
 * Finds the blob by its section, else by its magic, in data before code. Its address or 0, and
 * where the bytes that it is part of end.
 */
static uint64_t find_blob(const struct elf_image *e, struct mem *m, uint64_t *end)
{
	CLEANUP(free_p) uint8_t *buf = malloc(WINDOW);
	struct search q = { .m = m, .buf = buf, .left = MAX_SEARCH };
	uint64_t addr, size, at;
	size_t n;
	const struct elf_segment *s = elf_image_segments(e, &n);

	if (!buf)
		return 0;
	if (elf_image_section(e, ".go.buildinfo", &addr, &size) == 0) {
		*end = addr + size;
		at = search(&q, addr, size);
		if (at)
			return at;
	}
	for (int writable = 1; writable >= 0; writable--) {
		for (size_t i = 0; i < n; i++) {
			if (s[i].writable != writable)
				continue;
			*end = s[i].vaddr + s[i].filesz;
			at = search(&q, s[i].vaddr, s[i].filesz);
			if (at)
				return at;
		}
	}
	return 0;
}

int buildinfo_read(struct elf_image *e, struct arena *a, struct buildinfo *ret, struct diag *d)
{
	CLEANUP(mem_close_p) struct mem *m = NULL;
	CLEANUP(free_p) uint8_t *blob = NULL;
	uint64_t at, end = 0;
	size_t len;
	int r = elf_image_mem_all(e, 0, &m);

	if (r < 0)
		return r;
	at = find_blob(e, m, &end);
	if (!at)
		return diag_fail(d, -ENODATA, "it has no Go build information: not a Go program");
	len = end - at < MAX_BLOB ? end - at : MAX_BLOB;
	blob = malloc(len);
	if (!blob)
		return -ENOMEM;
	r = mem_read(m, at, blob, len);
	if (r < 0)
		return diag_fail(d, -EBADMSG, "Go build information: cannot be read");
	return buildinfo_parse(span_of(blob, len), a, ret, d);
}
