// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "daemon/file_text.h"

/* A file on its way into a configuration. */
struct reading {
	const char *at, *end;	/* of the text, as far as it was not read yet */
	const char *path;
	int line;		/* that was read last, from 1 */
	struct config *config;
	int err;		/* the first failure; its reason is in diag */
	struct diag *diag;
};

struct config *config_hold(struct config *c)
{
	__atomic_add_fetch(&c->holders, 1, __ATOMIC_RELAXED);
	return c;
}

void config_free(struct config *c)
{
	if (!c || __atomic_sub_fetch(&c->holders, 1, __ATOMIC_ACQ_REL))
		return;
	arena_free(c->arena);
	free(c);
}

bool config_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* --- One key --- */

static const struct config_key *find_key(const char *section, const char *name)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		if (strcmp(k->section, section) == 0 && strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

const char *config_text_of(const struct config *c, const char *section, const char *name)
{
	return c->text[find_key(section, name) - config_keys];
}

static int set(struct config *c, const struct config_key *k, const char *value, const char *from,
	       struct diag *d)
{
	size_t at = (size_t)(k - config_keys);
	int r = k->parse(k, c->arena, value, (char *)c + k->offset, d);

	if (r < 0)
		return r;
	c->text[at] = arena_strdup(c->arena, value);
	c->from[at] = from ? arena_strdup(c->arena, from) : NULL;
	return c->text[at] && (c->from[at] || !from) ? 0 : -ENOMEM;
}

static int set_defaults(struct config *c, struct diag *d)
{
	int r = 0;

	for (const struct config_key *k = config_keys; r == 0 && k->name; k++)
		if (k->fallback)
			r = set(c, k, k->fallback, NULL, d);
	return r;
}

/* --- The file --- */

static int no_such_key(const char *section, const char *name, struct diag *d)
{
	bool known = false;

	for (const struct config_key *k = config_keys; !known && k->name; k++)
		known = strcmp(k->section, section) == 0;
	if (known)
		diag_fail(d, -EINVAL, "there is no key \"%s\" in [%s]", name, section);
	else if (*section)
		diag_fail(d, -EINVAL, "there is no section [%s]", section);
	else
		diag_fail(d, -EINVAL, "\"%s\" stands before the first section", name);
	return diag_hint(d, -EINVAL, "see loiter.conf(5)");
}

static int take_pair(struct reading *f, const char *section, const char *name, const char *value)
{
	const struct config_key *k = find_key(section, name);
	char from[320];
	int r;

	if (!k)
		return no_such_key(section, name, f->diag);
	snprintf(from, sizeof(from), "%s:%d: %s", f->path, f->line, name);
	if (f->config->from[k - config_keys])
		r = diag_fail(f->diag, -EINVAL, "it is there already, in %s",
			      f->config->from[k - config_keys]);
	else if (!*value)
		r = diag_fail(f->diag, -EINVAL, "the value is missing");
	else
		r = set(f->config, k, value, from, f->diag);
	return r < 0 ? diag_what(f->diag, r, "%s", from) : 0;
}

/* What the library calls for each pair: 1 all is well, 0 stop. */
static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reading *f = user;

	if (!f->err)
		f->err = take_pair(f, section, name, value);
	return !f->err;
}

/* What the library calls for a line: it gets whole ones, that it can take, or the end. */
static char *next_line(char *buf, int size, void *user)
{
	struct reading *f = user;
	const char *nl = memchr(f->at, '\n', (size_t)(f->end - f->at));
	size_t n = (size_t)((nl ? nl + 1 : f->end) - f->at);

	if (!n || f->err)
		return NULL;
	f->line++;
	if (n >= (size_t)size || n > CONFIG_LINE)
		f->err = diag_fail(f->diag, -EINVAL, "a line is longer than %d bytes", CONFIG_LINE);
	else if (memchr(f->at, '\0', n))
		f->err = diag_fail(f->diag, -EINVAL, "there is a NUL: this is no text");
	if (f->err)
		return NULL;
	memcpy(buf, f->at, n);
	buf[n] = '\0';
	f->at += n;
	return buf;
}

static int read_pairs(struct reading *f)
{
	int bad;

	/* The library's switches are of the whole program, which has no other use for it. */
	ini_allow_multiline = false;
	ini_use_stack = false;
	ini_max_line = ini_initial_alloc = CONFIG_LINE + 3;
	ini_stop_on_first_error = true;
	bad = ini_parse_stream(next_line, f, on_pair, f);
	if (bad == -2)
		return -ENOMEM;
	if (!f->err && bad)
		f->err = diag_fail(f->diag, -EINVAL, "neither a [section] nor a key = value");
	/* Where a pair has failed, that is named already. */
	return f->err < 0 ? diag_what(f->diag, f->err, "%s:%d", f->path, f->line) : 0;
}

/* --- How it fits together --- */

static const char *said_by(const struct config *c, const char *section, const char *name)
{
	const struct config_key *k = find_key(section, name);
	const char *from = c->from[k - config_keys];

	return from ? from : name;
}

static int misfit(const struct config *c, const char *name, const char *why, struct diag *d)
{
	diag_fail(d, -EINVAL, "%s", why);
	diag_what(d, -EINVAL, "%s", said_by(c, "http", name));
	return diag_hint(d, -EINVAL, "see loiter.conf(5)");
}

static int check_together(const struct config *c, struct diag *d)
{
	if (c->tls_certificate && !c->tls_key)
		return misfit(c, "tls-certificate", "it needs its tls-key too", d);
	if (c->tls_key && !c->tls_certificate)
		return misfit(c, "tls-key", "it needs its tls-certificate too", d);
	if (c->tls_client_ca && !c->tls_certificate)
		return misfit(c, "tls-client-ca", "it needs a tls-certificate of our own too", d);
	if (!c->listen.loopback && !c->token_file && !c->tls_client_ca)
		return misfit(c, "listen", "others than this machine need a token-file or a "
			      "tls-client-ca to come in", d);
	return 0;
}

static int set_over(struct config *c, const struct config_setting *over, size_t n, struct diag *d)
{
	for (size_t i = 0; i < n; i++) {
		const struct config_key *k = find_key(over[i].section, over[i].name);
		int r = set(c, k, over[i].value, over[i].from, d);

		if (r < 0)
			return diag_what(d, r, "%s", over[i].from);
	}
	return 0;
}

int config_parse(const char *text, size_t len, const char *path, const struct config_setting *over,
		 size_t n_over, struct config **ret, struct diag *d)
{
	CLEANUP(config_free_p) struct config *c = calloc(1, sizeof(*c));
	struct reading f = { .at = text, .end = text + len, .path = path, .config = c, .diag = d };
	int r;

	if (!c)
		return -ENOMEM;
	c->holders = 1;
	c->arena = arena_new();
	if (!c->arena)
		return -ENOMEM;
	r = set_defaults(c, d);
	if (r == 0)
		r = read_pairs(&f);
	if (r == 0)
		r = set_over(c, over, n_over, d);
	if (r == 0)
		r = check_together(c, d);
	if (r < 0)
		return r;
	*ret = TAKE(c);
	return 0;
}

static void free_bytes(char **bytes)
{
	free(*bytes);
}

int config_read(const char *path, bool must_exist, const struct config_setting *over, size_t n_over,
		struct config **ret, struct diag *d)
{
	CLEANUP(free_bytes) char *text = malloc(CONFIG_BYTES + 1);
	struct diag why = DIAG_INIT;
	size_t len = 0;
	int r;

	if (!text)
		return -ENOMEM;
	r = file_text_read(path, text, CONFIG_BYTES, &len, &why);
	if (r < 0 && (r != -ENOENT || must_exist)) {
		*d = why;
		return -EINVAL;
	}
	return config_parse(text, len, path, over, n_over, ret, d);
}
