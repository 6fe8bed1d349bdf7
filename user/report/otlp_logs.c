// SPDX-License-Identifier: Apache-2.0
/* Findings as log records: who reads a service's logs finds there what is wrong with it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "model/node_self.h"
#include "report/otlp_request.h"
#include "report/otlp_resource.h"
#include "report/otlp_told.h"

/* Of OTLP: 9 to 12 are information, 13 to 16 warnings, 17 to 20 errors. */
enum { SEVERITY_INFO = 9, SEVERITY_WARN = 13, SEVERITY_WARN2 = 14, SEVERITY_ERROR = 17 };

struct severity {
	int32_t number;
	const char *text;
};

static struct severity severity_of(const struct otlp_told *t)
{
	if (t->now.ended)
		return (struct severity){ SEVERITY_INFO, "INFO" };
	switch (t->now.verdict) {
	case VERDICT_PROVEN:
		return (struct severity){ SEVERITY_ERROR, "ERROR" };
	case VERDICT_LIKELY:
		return (struct severity){ SEVERITY_WARN2, "WARN2" };
	default:
		return (struct severity){ SEVERITY_WARN, "WARN" };
	}
}

static const char *change_of(const struct otlp_told *t)
{
	if (t->now.ended)
		return t->gone ? "process gone" : "ended";
	return t->told.verdict && !t->told.ended ? "changed" : "new";
}

static const char *body_of(struct otlp_maker *m, const struct otlp_told *t)
{
	const char *summary = t->finding ? t->finding->summary : t->summary;
	char *text;

	if (!t->now.ended)
		return summary;
	text = arena_printf(m->arena, t->gone ? "the process is gone, of which was found: %s"
					      : "no longer found: %s", summary ? summary : "");
	if (!text)
		m->failed = true;
	return text;
}

/* What is known of a finding that has ended is what was told of it last. */
static void fill_attributes(struct otlp_maker *m, const struct otlp_told *t,
			    struct otlp_attributes *a)
{
	const struct finding *f = t->finding;
	char *process = arena_printf(m->arena, "%d-%" PRIu64, t->pid, t->start_time);

	if (!process)
		m->failed = true;
	otlp_attribute(m, a, "loiter.finding.change", change_of(t));
	otlp_attribute(m, a, "loiter.finding.pattern", f ? f->pattern : t->pattern);
	otlp_attribute(m, a, "loiter.finding.verdict", verdict_name(t->now.verdict));
	otlp_attribute(m, a, "loiter.finding.site", f ? f->site : t->site);
	otlp_attribute_int(m, a, "loiter.finding.count", (int64_t)t->now.count);
	if (t->now.bytes >= 0)
		otlp_attribute_int(m, a, "loiter.finding.bytes", t->now.bytes);
	if (f) {
		otlp_attribute_texts(m, a, "loiter.finding.evidence", f->evidence, f->n_evidence);
		otlp_attribute(m, a, "loiter.finding.advice", f->advice);
	}
	if (t->process)
		otlp_attribute(m, a, "container.id", t->process->container_id);
	/* A record is of one process, and this is what the HTTP interface calls it. */
	otlp_attribute(m, a, "loiter.process", process);
	otlp_attribute_int(m, a, "process.pid", t->pid);
}

static Otlp__LogRecord *record(struct otlp_maker *m, const struct otlp_told *t, uint64_t time_ns)
{
	Otlp__LogRecord *l = otlp_zeroed(m, sizeof(*l));
	struct severity severity = severity_of(t);
	struct otlp_attributes a = { 0 };

	if (!l)
		return NULL;
	otlp__log_record__init(l);
	l->time_unix_nano = time_ns;
	l->observed_time_unix_nano = time_ns;
	l->severity_number = severity.number;
	l->severity_text = (char *)severity.text;
	l->event_name = (char *)"loiter.finding";
	l->body = otlp_value(m, body_of(m, t));
	fill_attributes(m, t, &a);
	l->attributes = a.all;
	l->n_attributes = a.n;
	return l;
}

/* One resource with its record. What is said of one process stands in a row, but is not merged. */
static int write_record(struct otlp_writer *w, const struct otlp_told *t, const struct node_look *n,
			const struct node_self *s)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct otlp_maker m = { .arena = arena, .failed = !arena };
	char *label[TARGET_NAME_LABELS];
	Otlp__LogsRequest request = OTLP__LOGS_REQUEST__INIT;
	Otlp__ResourceLogs of = OTLP__RESOURCE_LOGS__INIT, *ofs = &of;
	Otlp__ScopeLogs scope = OTLP__SCOPE_LOGS__INIT, *scopes = &scope;
	Otlp__LogRecord *one;

	for (size_t i = 0; i < TARGET_NAME_LABELS; i++)
		label[i] = t->name->label[i];
	one = record(&m, t, otlp_ns(n->time));
	of.resource = otlp_resource_target(&m, label, s->node);
	scope.scope = otlp_scope(&m, s->version);
	if (m.failed)
		return -ENOMEM;
	scope.log_records = &one;
	scope.n_log_records = 1;
	of.scope_logs = &scopes;
	of.n_scope_logs = 1;
	request.resource_logs = &ofs;
	request.n_resource_logs = 1;
	return otlp_write(w, &request.base, 1);
}

/* Hands over what has been written; what the sink refuses is as if it had not been sent. */
static void hand_over(struct otlp_book *b, struct otlp_writer *w)
{
	if (otlp_write_end(w) < 0)
		otlp_settle(b, b->tickets, false);
}

int otlp_findings(struct otlp_book *b, const struct node_look *n, const struct node_self *s,
		  const struct otlp_sink *sink)
{
	struct otlp_writer w = { .sink = sink, .r = { .kind = OTLP_LOGS }, .tickets = &b->tickets };
	int r = otlp_told_look(b, n);

	/* Those of this look that found their way into the book are there also after a failure. */
	for (struct otlp_told *t = b->told; t; t = t->hh.next) {
		int one;

		if (!otlp_told_pending(t))
			continue;
		one = otlp_told_send(t, b->tickets + 1);
		if (one == 0)
			one = write_record(&w, t, n, s);
		if (one < 0) {
			t->ticket = 0;
			r = one;
			break;
		}
		if (w.r.len >= OTLP_REQUEST)
			hand_over(b, &w);
	}
	hand_over(b, &w);
	otlp_writer_done(&w);
	return r;
}
