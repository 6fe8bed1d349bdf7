// SPDX-License-Identifier: Apache-2.0
#include "report/text_activity_parts.h"

#include <inttypes.h>

#include "analysis/site.h"
#include "report/words.h"

#define DOT " \xc2\xb7 "

struct flow activity_head(const struct activity_out *o, const char *tag, unsigned int indent)
{
	struct flow f = { .line = o->l, .out = o->out, .indent = indent, .separator = DOT };

	line_pad(o->l, ACTIVITY_TAG);
	line_put(o->l, tag);
	line_pad(o->l, indent);
	return f;
}

void activity_place(const struct activity_out *o, const struct frame *f)
{
	unsigned int room = o->l->width > o->l->at ? o->l->width - o->l->at : 0;
	char place[WORDS_CELL];

	line_put_cut(o->l, f ? words_place(f, room, place) : "?", room);
}

void activity_site(const struct activity_out *o, const struct stack *s)
{
	activity_place(o, site_frame_mixed(s, o->module));
}

void activity_seen(struct flow *f, double seen)
{
	if (seen > 0 && seen < 0.995)
		flow_printf(f, "seen %.2g %% of the time", seen * 100);
}

void activity_more(const struct activity_out *o, uint32_t shown, uint32_t of, const char *what)
{
	if (shown >= of)
		return;
	line_pad(o->l, ACTIVITY_INSIDE);
	line_printf(o->l, "... and %" PRIu32 " more %s", of - shown, what);
	line_end(o->l, o->out);
}
