// SPDX-License-Identifier: Apache-2.0
#include "collect/json_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/limits.h"

enum {
	CHUNK = 1 << 16,
	KEY_MAX = 64,	/* bytes of a key that any row could have; others are passed over */
	END = -1,	/* of the file; no byte */
};

struct stream {
	int fd;
	const struct json_row *rows;
	void *arg;
	struct diag *d;
	struct json_tokener *tokener;
	uint64_t rows_seen;	/* a bit a row */
	int err;		/* of the first read that failed */
	uint64_t before;	/* bytes of the file before buf */
	size_t at, n;		/* in buf */
	char *value;		/* text of the value being read */
	size_t len, room;
	char buf[CHUNK];
};

static void stream_done(struct stream *s)
{
	if (s->tokener)
		json_tokener_free(s->tokener);
	free(s->value);
}

/* --- Bytes --- */

static bool fill(struct stream *s)
{
	ssize_t n;

	if (s->err)
		return false;
	do {
		n = read(s->fd, s->buf, sizeof(s->buf));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		s->err = -errno;
		return false;
	}
	s->before += s->n;
	s->n = (size_t)n;
	s->at = 0;
	return n > 0;
}

/* The next byte, which stays; END when there is none. */
static int peek(struct stream *s)
{
	if (s->at == s->n && !fill(s))
		return END;
	return (unsigned char)s->buf[s->at];
}

static int next(struct stream *s)
{
	int c = peek(s);

	if (c != END)
		s->at++;
	return c;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte that is no blank, which stays. */
static int peek_token(struct stream *s)
{
	while (is_blank(peek(s)))
		s->at++;
	return peek(s);
}

static int malformed(struct stream *s, const char *why)
{
	if (s->err)
		return diag_fail(s->d, s->err, "cannot be read: %s", strerror(-s->err));
	if (peek(s) == END)
		return diag_fail(s->d, -EBADMSG, "ends in the middle of the document");
	return diag_fail(s->d, -EBADMSG, "%s, at byte %" PRIu64, why, s->before + s->at);
}

static int expect(struct stream *s, char c)
{
	if (peek_token(s) != c)
		return malformed(s, "malformed JSON");
	s->at++;
	return 0;
}

/* --- One value, as text --- */

/* Adds to the value, when it is kept. */
static int keep(struct stream *s, bool kept, int c)
{
	if (!kept)
		return 0;
	if (s->len >= LIMIT_JSON_VALUE)
		return malformed(s, "one value is larger than any of ours");
	if (s->len + 1 >= s->room) {
		size_t room = s->room ? 2 * s->room : 4096;
		char *grown = realloc(s->value, room);

		if (!grown)
			return -ENOMEM;
		s->value = grown;
		s->room = room;
	}
	s->value[s->len++] = (char)c;
	return 0;
}

/* From behind the opening quote to behind the closing one. */
static int take_string(struct stream *s, bool kept)
{
	for (;;) {
		int c = next(s), r;

		if (c == END)
			return malformed(s, "malformed JSON");
		r = keep(s, kept, c);
		if (r < 0)
			return r;
		if (c == '"')
			return 0;
		if (c != '\\')
			continue;
		c = next(s);
		if (c == END)
			return malformed(s, "malformed JSON");
		r = keep(s, kept, c);
		if (r < 0)
			return r;
	}
}

static bool ends_scalar(int c)
{
	return c == END || is_blank(c) || c == ',' || c == ']' || c == '}' || c == ':';
}

/* true, null, a number: whatever stands there up to a delimiter. */
static int take_scalar(struct stream *s, bool kept)
{
	int r = 0;

	if (ends_scalar(peek(s)))
		return malformed(s, "malformed JSON");
	while (r == 0 && !ends_scalar(peek(s)))
		r = keep(s, kept, next(s));
	return r;
}

/*
 * An object or array with all that is in it. Brackets are only counted: json-c sees to it that they
 * match, where anybody looks at them.
 */
static int take_nested(struct stream *s, bool kept)
{
	uint32_t depth = 0, values = 0;

	do {
		int c = next(s), r;

		if (c == END)
			return malformed(s, "malformed JSON");
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		if (depth > LIMIT_JSON_DEPTH)
			return malformed(s, "nested deeper than any of ours");
		/* json-c takes some hundred bytes for each, however short its text. */
		if ((c == '{' || c == '[' || c == ',') && kept && ++values > LIMIT_JSON_VALUES)
			return malformed(s, "more values in one than in any of ours");
		r = keep(s, kept, c);
		if (r == 0 && c == '"')
			r = take_string(s, kept);
		if (r < 0)
			return r;
	} while (depth);
	return 0;
}

static int take_text(struct stream *s, bool kept)
{
	int c = peek_token(s), r;

	s->len = 0;
	if (c == '{' || c == '[')
		return take_nested(s, kept);
	if (c != '"')
		return take_scalar(s, kept);
	r = keep(s, kept, next(s));
	return r < 0 ? r : take_string(s, kept);
}

/* The next value, parsed; NULL for null. The caller puts it. */
static int take_value(struct stream *s, struct json_object **ret)
{
	int r = take_text(s, true);

	if (r < 0)
		return r;
	json_tokener_reset(s->tokener);
	/* The blank behind it ends a number. */
	s->value[s->len] = ' ';
	*ret = json_tokener_parse_ex(s->tokener, s->value, (int)s->len + 1);
	if (json_tokener_get_error(s->tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(s->tokener) < s->len) {
		json_object_put(*ret);
		return malformed(s, "malformed JSON before it");
	}
	return 0;
}

/* --- The document --- */

static int tell_value(struct stream *s, const struct json_row *row)
{
	struct json_object *v = NULL;
	int r = take_value(s, &v);

	if (r < 0)
		return r;
	r = row->tell(s->arg, v, s->d);
	json_object_put(v);
	return r;
}

/* Is there one more, in what `close` ends? 1, 0, or a negative errno. */
static int another(struct stream *s, char close, bool first)
{
	int c = peek_token(s);

	if (c == close) {
		s->at++;
		return 0;
	}
	if (first)
		return 1;
	if (c != ',')
		return malformed(s, "malformed JSON");
	s->at++;
	return 1;
}

static int tell_each(struct stream *s, const struct json_row *row)
{
	int r;

	if (peek_token(s) != '[')
		return take_text(s, false);
	s->at++;
	for (bool first = true; (r = another(s, ']', first)) > 0; first = false) {
		r = tell_value(s, row);
		if (r < 0)
			return r;
	}
	return r;
}

/* The row of prefix.key; NULL: there is none. */
static const struct json_row *find_row(const struct stream *s, const char *prefix, const char *key)
{
	size_t n = strlen(prefix);

	for (const struct json_row *row = s->rows; row->path; row++) {
		if (n && (strncmp(row->path, prefix, n) != 0 || row->path[n] != '.'))
			continue;
		if (strcmp(row->path + n + (n > 0), key) == 0)
			return row;
	}
	return NULL;
}

/* A key that no row has, or is too long for one, becomes "". */
static int take_key(struct stream *s, char key[KEY_MAX])
{
	struct json_object *v = NULL;
	const char *text;
	int r;

	if (peek_token(s) != '"')
		return malformed(s, "malformed JSON");
	r = take_value(s, &v);
	if (r < 0)
		return r;
	text = json_object_get_string(v);
	*key = '\0';
	if (text && strlen(text) < KEY_MAX && !strchr(text, '.'))
		strcpy(key, text);
	json_object_put(v);
	return expect(s, ':');
}

static int tell_members(struct stream *s, const struct json_row *of);

static int tell_row(struct stream *s, const struct json_row *row)
{
	uint64_t bit = 1ull << (row - s->rows);

	if (s->rows_seen & bit) {
		diag_fail(s->d, -EBADMSG, "\"%s\" stands there twice", row->path);
		return -EBADMSG;
	}
	s->rows_seen |= bit;
	switch (row->how) {
	case JSON_VALUE:
		return tell_value(s, row);
	case JSON_EACH:
		return tell_each(s, row);
	case JSON_MEMBERS:
		return tell_members(s, row);
	case JSON_PASS:
		break;
	}
	return take_text(s, false);
}

/* of: the row of an object in the document; NULL: the document itself. */
static int tell_members(struct stream *s, const struct json_row *of)
{
	const char *prefix = of ? of->path : "";
	char key[KEY_MAX];
	int r;

	if (peek_token(s) != '{')
		return of ? take_text(s, false) : malformed(s, "is not JSON of ours");
	s->at++;
	if (of && of->tell) {
		r = of->tell(s->arg, NULL, s->d);
		if (r < 0)
			return r;
	}
	for (bool first = true; (r = another(s, '}', first)) > 0; first = false) {
		const struct json_row *row;

		r = take_key(s, key);
		if (r < 0)
			return r;
		row = *key ? find_row(s, prefix, key) : NULL;
		r = row ? tell_row(s, row) : take_text(s, false);
		if (r < 0)
			return r;
	}
	return r;
}

static int read_document(struct stream *s)
{
	int r;

	if (peek_token(s) == END && !s->err)
		return diag_fail(s->d, -EBADMSG, "is empty");
	r = tell_members(s, NULL);
	if (r < 0)
		return r;
	if (peek_token(s) != END)
		return diag_fail(s->d, -EBADMSG, "holds more than one document");
	return s->err ? malformed(s, "") : 0;
}

int json_stream_read(int fd, const struct json_row *rows, void *arg, struct diag *d)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (!s)
		return -ENOMEM;
	*s = (struct stream){ .fd = fd, .rows = rows, .arg = arg, .d = d };
	s->tokener = json_tokener_new_ex(LIMIT_JSON_DEPTH + 2);
	if (s->tokener) {
		json_tokener_set_flags(s->tokener, JSON_TOKENER_STRICT |
						   JSON_TOKENER_ALLOW_TRAILING_CHARS);
		r = read_document(s);
	}
	stream_done(s);
	free(s);
	return r;
}
