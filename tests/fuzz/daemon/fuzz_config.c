// SPDX-License-Identifier: Apache-2.0
/* A configuration of anybody's: refused with a sentence, or whole and within its bounds. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bounds(const struct config *c)
{
	for (size_t i = 0; config_keys[i].name; i++)
		if (config_keys[i].fallback && !c->text[i])
			abort();
	if (!(c->interval_s >= 0.1 && c->interval_s <= 86400) ||
	    !(c->budget_percent > 0 && c->budget_percent <= 100) ||
	    !(c->prove_max_s >= 0 && c->prove_max_s <= 10))
		abort();
	if (c->memory_max_bytes < 32u << 20 || !c->targets_max || !c->cells_max ||
	    c->log_level >= SAY_LEVELS)
		abort();
	/* Nobody comes in from elsewhere without a key, whatever the file says. */
	if (!c->listen.loopback && !c->token_file && !c->tls_client_ca)
		abort();
	for (size_t i = 0; i < c->hosts.n; i++)
		if (!c->hosts.all[i][0] || strchr(c->hosts.all[i], ' '))
			abort();
	if (c->state_dir && c->state_dir[0] != '/')
		abort();
}

/*
 * What was accepted, written anew a key a line, is accepted and says the same. Without blanks:
 * after one, a semicolon begins a comment.
 */
static void check_again(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct config *again = NULL;
	struct diag d = DIAG_INIT;

	for (size_t i = 0; config_keys[i].name; i++)
		if (c->text[i])
			fprintf(out, "[%s]\n%s=%s\n", config_keys[i].section, config_keys[i].name,
				c->text[i]);
	fclose(out);
	if (config_parse(text, len, "again", NULL, 0, &again, &d) < 0)
		abort();
	for (size_t i = 0; config_keys[i].name; i++)
		if (c->text[i] && strcmp(c->text[i], again->text[i]) != 0)
			abort();
	config_free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = NULL;
	struct diag d = DIAG_INIT;
	int r = config_parse((const char *)data, size, "fuzz", NULL, 0, &c, &d);

	if (r < 0) {
		if (r != -EINVAL || !d.what[0] || !d.why[0] || c)
			abort();
		return 0;
	}
	check_bounds(c);
	check_again(c);
	config_free(c);
	return 0;
}
