// SPDX-License-Identifier: Apache-2.0
#include "report/text_finding.h"

#include <string.h>

#include "base/cleanup.h"

enum { INDENT = 8 };

void text_sentence(struct line *l, FILE *out, unsigned int indent, const char *lead,
		   const char *sentence)
{
	struct flow f = { .line = l, .out = out, .separator = " " };

	line_pad(l, indent);
	f.indent = indent + (unsigned int)strlen(lead);
	if (*lead)
		line_put(l, lead);
	flow_words(&f, sentence);
	flow_end(&f);
}

void text_finding(const struct finding *f, struct line *l, FILE *out)
{
	static const struct {
		const char *word;
		enum line_style style;
	} heads[] = {
		[VERDICT_UNKNOWN] = { "NOTE", STYLE_NONE },   [VERDICT_OK] = { "OK", STYLE_NONE },
		[VERDICT_EXPLAINED] = { "OK", STYLE_NONE },
		[VERDICT_CANDIDATE] = { "CANDIDATE ", STYLE_NONE },
		[VERDICT_SUSPECT] = { "SUSPECT", STYLE_YELLOW },
		[VERDICT_LIKELY] = { "LIKELY", STYLE_YELLOW }, [VERDICT_PROVEN] = { "PROVEN", STYLE_RED },
	};
	unsigned int v = (unsigned int)f->verdict < ARRAY_SIZE(heads) ? f->verdict : 0;
	struct flow flow = { .line = l, .out = out, .indent = INDENT, .separator = " " };
	size_t pattern = f->pattern ? text_columns(f->pattern) : 0;

	line_style(l, heads[v].style);
	line_put(l, heads[v].word);
	line_style(l, STYLE_NONE);
	line_pad(l, INDENT);
	flow_words(&flow, f->summary ? f->summary : "");
	/* The pattern's name at the right edge, where there is room for it. */
	if (pattern && l->at + 2 + pattern <= l->width) {
		line_pad(l, l->width - (unsigned int)pattern);
		line_put(l, f->pattern);
	} else if (pattern) {
		flow.separator = "  ";
		flow_put(&flow, f->pattern);
	}
	line_end(l, out);
	if (f->site) {
		line_pad(l, INDENT);
		line_put(l, f->site);
		line_end(l, out);
	}
	/* What asks for nothing needs no evidence here; the JSON has it. */
	for (uint32_t i = 0; f->verdict != VERDICT_EXPLAINED && i < f->n_evidence; i++)
		text_sentence(l, out, INDENT, "", f->evidence[i]);
	if (f->advice)
		text_sentence(l, out, INDENT, "try: ", f->advice);
}
