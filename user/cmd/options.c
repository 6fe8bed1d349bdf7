// SPDX-License-Identifier: Apache-2.0
#include "cmd/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Options without a short form get keys that no character has. */
enum { KEY_FIRST = 0x1000 };

struct parse {
	const struct option_set *set;
	void *fields;
	const char **operands;
	size_t n_operands;
	int next;
	int err;		/* 0, or why parsing stopped: the diag is filled then */
	struct diag *diag;
};

static int key_of(const struct option_set *set, const struct option_row *row)
{
	return row->key ? row->key : KEY_FIRST + (int)(row - set->rows);
}

static const struct option_row *row_by_key(const struct option_set *set, int key)
{
	for (const struct option_row *row = set->rows; row->name; row++)
		if (key_of(set, row) == key)
			return row;
	return NULL;
}

static int apply(struct parse *p, const struct option_row *row, const char *arg)
{
	void *field = (char *)p->fields + row->offset;
	int r = 0;

	switch (row->type) {
	case OPTION_NOTHING:
		break;
	case OPTION_FLAG:
		*(bool *)field = true;
		break;
	case OPTION_STRING:
		if (!*arg)
			r = diag_fail(p->diag, -EINVAL, "the argument is empty");
		*(const char **)field = arg;
		break;
	case OPTION_PARSE:
		r = row->parse(row->fixed ? row->fixed : arg, field, p->diag);
		break;
	}
	return r < 0 ? diag_what(p->diag, r, "--%s", row->name) : 0;
}

static int take_operand(struct parse *p, const char *arg, struct argp_state *state)
{
	if (p->n_operands == p->set->max_operands) {
		diag_fail(p->diag, -EINVAL, "one argument too many");
		diag_what(p->diag, -EINVAL, "%s", arg);
		return diag_hint(p->diag, -EINVAL, "see `%s --help`", p->set->program);
	}
	p->operands[p->n_operands++] = arg;
	if (p->set->in_order) {
		p->next = state->next - 1;
		state->next = state->argc;
	}
	return 0;
}

/* The character of a cluster ("-gq") that getopt stops at; 0: none, or not a cluster. */
static char bad_short(const struct option_set *set, const char *word)
{
	if (!word || word[0] != '-' || word[1] == '-')
		return 0;
	for (const char *c = word + 1; *c; c++) {
		const struct option_row *row = row_by_key(set, *c);

		if (!row)
			return *c;
		if (row->arg)
			return c[1] || row->arg_optional ? 0 : *c;
	}
	return 0;
}

static const char *why_short(const struct parse *p, const struct argp_state *state, char *ret)
{
	/* getopt moves on from a word after its last character only. */
	*ret = bad_short(p->set, state->argv[state->next - 1]);
	if (!*ret)
		*ret = bad_short(p->set, state->argv[state->next]);
	return *ret && row_by_key(p->set, *ret) ? "an argument is missing" : "no such option";
}

static const char *why_long(const struct parse *p, const char *word, size_t len)
{
	size_t matches = 0;

	for (const struct option_row *row = p->set->rows; row->name; row++) {
		if (strncmp(row->name, word + 2, len - 2) != 0)
			continue;
		matches++;
		if (strlen(row->name) == len - 2) {
			matches = 1;
			break;
		}
	}
	if (matches > 1)
		return "more than one option begins like this";
	if (!matches)
		return "no such option";
	return word[len] == '=' ? "takes no argument" : "an argument is missing";
}

/*
 * getopt refused a word and, being told to keep quiet, does not say which or why: argp runs it
 * with an optopt of its own. The word is the last one that it has passed.
 */
static int explain(struct parse *p, const struct argp_state *state)
{
	const char *word = state->argv[state->next - 1];
	size_t len = strcspn(word, "=");
	char c;

	if (strncmp(word, "--", 2) == 0 && len > 2) {
		diag_fail(p->diag, -EINVAL, "%s", why_long(p, word, len));
		diag_what(p->diag, -EINVAL, "%.*s", (int)len, word);
	} else {
		diag_fail(p->diag, -EINVAL, "%s", why_short(p, state, &c));
		diag_what(p->diag, -EINVAL, "-%c", c ? c : '?');
	}
	return diag_hint(p->diag, -EINVAL, "see `%s --help`", p->set->program);
}

static error_t on_key(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	const struct option_row *row;

	switch (key) {
	case ARGP_KEY_ARG:
		p->err = take_operand(p, arg, state);
		return -p->err;
	case ARGP_KEY_ERROR:
		if (!p->err)
			p->err = explain(p, state);
		return 0;
	default:
		row = row_by_key(p->set, key);
		if (!row)
			return ARGP_ERR_UNKNOWN;
		p->err = apply(p, row, arg);
		return -p->err;
	}
}

/* The rows as argp wants them, in the order of the table; the caller frees. */
static struct argp_option *argp_rows(const struct option_set *set)
{
	struct argp_option *all;
	size_t n = 0;

	while (set->rows[n].name)
		n++;
	all = calloc(n + 1, sizeof(*all));
	for (size_t i = 0; all && i < n; i++) {
		const struct option_row *row = &set->rows[i];

		all[i] = (struct argp_option){
			.name = row->name,
			.key = key_of(set, row),
			.arg = row->arg,
			.flags = (row->arg_optional ? OPTION_ARG_OPTIONAL : 0) |
				 (row->hidden ? OPTION_HIDDEN : 0),
			.doc = row->help,
			.group = (int)i + 1,
		};
	}
	return all;
}

static void free_rows(struct argp_option **rows)
{
	free(*rows);
}

int options_parse(const struct option_set *set, int argc, char **argv, void *fields,
		  const char **operands, size_t *n_operands, int *ret_next, struct diag *d)
{
	CLEANUP(free_rows) struct argp_option *rows = argp_rows(set);
	struct parse p = { .set = set, .fields = fields, .operands = operands, .diag = d };
	const struct argp argp = { .options = rows, .parser = on_key };
	error_t e;

	if (!rows)
		return -ENOMEM;
	e = argp_parse(&argp, argc, argv, ARGP_SILENT | (set->in_order ? ARGP_IN_ORDER : 0), NULL,
		       &p);
	if (p.err)
		return p.err;
	if (e)
		return -e;
	*n_operands = p.n_operands;
	if (ret_next)
		*ret_next = p.next;
	return 0;
}

void options_help(const struct option_set *set, FILE *out)
{
	CLEANUP(free_rows) struct argp_option *rows = argp_rows(set);
	const struct argp argp = {
		.options = rows,
		.args_doc = set->operands,
		.doc = set->about,
	};
	char name[64];

	if (!rows)
		return;
	/* argp's remark on short options with arguments says nothing that the lines do not. */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	snprintf(name, sizeof(name), "%s", set->program);
	argp_help(&argp, out, ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG, name);
	if (set->help_more)
		set->help_more(out);
}

void options_dump(const struct option_set *set, FILE *out)
{
	for (const struct option_row *row = set->rows; row->name; row++)
		fprintf(out, "option\t%s\t--%s\t%s%.1s\t%s\t%s\t%s\n", set->program, row->name,
			row->key ? "-" : "", (const char[]){ (char)row->key, '\0' },
			row->arg ? row->arg : "", row->hidden ? "hidden" : "", row->help);
}
