// SPDX-License-Identifier: Apache-2.0
#include "report/text_retained.h"

#include <string.h>

#include "report/text_finding.h"
#include "report/words.h"

/* What people read: the rest is in the JSON. */
enum { SHOWN = 8, COLUMN = 10, INDENT = 12 };

static void put_who(const struct retainer *r, struct line *l)
{
	char words[WORDS_NUMBER];

	if (r->kind != RETAINER_GOROUTINES) {
		line_put(l, r->name);
		return;
	}
	line_printf(l, "%s goroutine%s", words_count(r->goroutines, words),
		    r->goroutines == 1 ? "" : "s");
	if (r->verdict >= VERDICT_SUSPECT)
		line_printf(l, " (%s)", verdict_name(r->verdict));
	line_put(l, " at ");
	line_put(l, r->name);
}

static void print_retainer(const struct retainer *r, struct line *l, FILE *out)
{
	char words[WORDS_NUMBER], own[WORDS_NUMBER];

	line_put_right(l, words_bytes(r->bytes, words), COLUMN);
	line_put(l, "  ");
	put_who(r, l);
	/* All but a rounding error is no news. */
	if (strcmp(words, words_bytes(r->exclusive_bytes, own)) != 0)
		line_printf(l, "  (exclusively %s)", own);
	if (r->users)
		line_printf(l, "  used by %s", r->users);
	line_end(l, out);
	if (!r->path)
		return;
	line_pad(l, INDENT);
	line_style(l, STYLE_DIM);
	line_put(l, r->path);
	line_end(l, out);
}

void text_retained(const struct retained *r, struct line *l, FILE *out)
{
	char words[WORDS_NUMBER], objects[WORDS_NUMBER], text[256];
	uint32_t shown = r->n < SHOWN ? r->n : SHOWN;

	fputc('\n', out);
	line_style(l, STYLE_BOLD);
	line_put(l, "HELD BY");
	line_style(l, STYLE_NONE);
	line_printf(l, "   %s of Go objects are reached, %s of them",
		    words_bytes(r->live_bytes, words), words_count(r->live_objects, objects));
	line_end(l, out);
	for (uint32_t i = 0; i < shown; i++)
		print_retainer(&r->all[i], l, out);
	if (r->garbage_bytes) {
		snprintf(text, sizeof(text), "%s is garbage that the next collection frees",
			 words_bytes(r->garbage_bytes, words));
		text_sentence(l, out, 0, "", text);
	}
	if (r->by_section)
		text_sentence(l, out, 0, "note: ",
			      "the binary has no symbols: variables are called by where they stand");
}
