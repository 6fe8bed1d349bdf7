/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as rows of a table. Parsing (through argp), --help and the man page check read the same
 * rows, so that none of them can know an option that another one lacks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/diag.h"

enum option_type {
	OPTION_NOTHING,		/* accepted, without effect in this version */
	OPTION_FLAG,		/* the field is a bool: becomes true */
	OPTION_STRING,		/* a const char *: the argument, borrowed from argv */
	OPTION_PARSE,		/* parse() knows */
};

struct option_row {
	const char *name;	/* the long one, without dashes; NULL ends the table */
	int key;		/* the short one, a character; 0 none */
	const char *arg;	/* what the help calls the argument; NULL: it takes none */
	bool arg_optional;
	bool hidden;		/* from --help */
	enum option_type type;
	size_t offset;		/* of the field in the command's own struct */
	/*
	 * Sets *field. arg is the argument, or `fixed` where the option takes none; NULL when an
	 * optional one is absent. -EINVAL with the reason; the option is named by the caller.
	 */
	int (*parse)(const char *arg, void *field, struct diag *d);
	const char *fixed;
	const char *help;
};

struct option_set {
	const char *program;	/* "loiter snapshot" */
	const char *operands;	/* of the usage line: "PID | --all" */
	const char *about;	/* a paragraph for --help */
	const struct option_row *rows;
	size_t max_operands;
	bool in_order;		/* the first operand ends the options: what follows is its own */
	void (*help_more)(FILE *out);	/* prints after the options; may be NULL */
};

/*
 * Fills `fields` (the struct that the offsets are in) and `operands`, borrowed from argv, which
 * is permuted. *n_operands is how many; in_order: 1 and argv[*ret_next] is that operand. Nothing
 * is printed. -EINVAL with the sentence, -ENOMEM.
 */
int options_parse(const struct option_set *set, int argc, char **argv, void *fields,
		  const char **operands, size_t *n_operands, int *ret_next, struct diag *d);

/* The text of --help. */
void options_help(const struct option_set *set, FILE *out);

/*
 * A line an option, tab-separated: "option", program, --name, -k or "", argument or "", "hidden"
 * or "", help. For scripts/check-man.
 */
void options_dump(const struct option_set *set, FILE *out);
