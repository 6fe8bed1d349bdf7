// SPDX-License-Identifier: Apache-2.0
#include "report/doctor.h"

#include <errno.h>

#include "report/json_value.h"
#include "report/line.h"
#include "report/report.h"

/* Columns of the state, and of the name behind it. */
enum { STATE_WIDTH = 9, DETAIL_AT = 27 };

static void put_words(struct line *l, FILE *out, const char *words)
{
	struct flow f = { .line = l, .out = out, .indent = DETAIL_AT, .separator = " " };

	flow_words(&f, words);
	flow_end(&f);
}

static void put_row(struct line *l, const struct feature *f, FILE *out)
{
	static const enum line_style styles[] = {
		[FEATURE_OK] = STYLE_NONE,
		[FEATURE_LESS] = STYLE_YELLOW,
		[FEATURE_NO] = STYLE_RED,
		[FEATURE_UNKNOWN] = STYLE_DIM,
	};

	line_style(l, styles[f->state]);
	line_put(l, feature_state_name(f->state));
	line_style(l, STYLE_NONE);
	line_pad(l, STATE_WIDTH);
	line_put(l, f->name);
	line_pad(l, DETAIL_AT);
	put_words(l, out, f->detail);
	if (f->fix && f->state != FEATURE_OK) {
		line_pad(l, DETAIL_AT);
		line_put(l, "try: ");
		put_words(l, out, f->fix);
	}
}

static void put_rows(struct line *l, const struct features *rows, FILE *out)
{
	for (size_t i = 0; i < rows->n; i++)
		put_row(l, &rows->all[i], out);
}

int report_doctor_text(const struct doctor *doc, FILE *out, const struct report_options *o)
{
	struct line l;

	line_init(&l, o->width, o->colour);
	put_rows(&l, &doc->machine, out);
	if (doc->pid) {
		line_end(&l, out);
		line_style(&l, STYLE_BOLD);
		line_printf(&l, "pid %d", doc->pid);
		line_style(&l, STYLE_NONE);
		line_end(&l, out);
		put_rows(&l, &doc->target, out);
	}
	return ferror(out) ? -EIO : 0;
}

static struct jvalue json_rows(const struct features *rows)
{
	struct jvalue list = jvalue_array();

	for (size_t i = 0; i < rows->n; i++) {
		const struct feature *f = &rows->all[i];
		struct jvalue row = jvalue_object();

		jvalue_string(&row, "name", f->name);
		jvalue_string(&row, "state", feature_state_name(f->state));
		jvalue_string(&row, "detail", f->detail);
		jvalue_string(&row, "fix", f->state == FEATURE_OK ? NULL : f->fix);
		jvalue_append(&list, &row);
	}
	return list;
}

int report_doctor_json(const struct doctor *doc, FILE *out, const struct report_options *o)
{
	struct jvalue root = jvalue_object(), part = jvalue_object();

	jvalue_string(&root, "schema", "loiter.doctor/1");
	jvalue_string(&part, "version", o->version);
	jvalue_put(&root, "loiter", &part);
	part = json_rows(&doc->machine);
	jvalue_put(&root, "machine", &part);
	if (doc->pid) {
		jvalue_u64(&root, "pid", (uint64_t)doc->pid);
		part = json_rows(&doc->target);
		jvalue_put(&root, "target", &part);
	} else {
		jvalue_null(&root, "pid");
		jvalue_null(&root, "target");
	}
	return jvalue_print(&root, out);
}
