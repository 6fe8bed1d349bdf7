// SPDX-License-Identifier: Apache-2.0
/* What the collectors saw of a process: a line for each kind of thing, the worst first. */
#include <inttypes.h>
#include <stdio.h>

#include "analysis/site.h"
#include "base/cleanup.h"
#include "report/screen_parts.h"

/* Of fewer samples of the CPU a share says nothing. */
enum { SAMPLES_MIN = 10 };

/* One process, while its lines are written. */
struct lines {
	struct pane *p;
	unsigned int left;
	const struct interval *i;
	const struct activity *a;
	const char *module;
};

/* Begins the next one with its title; false when there is no more room. */
static bool line(struct lines *l, const char *title, enum line_style style)
{
	if (!l->left || !pane_line(l->p))
		return false;
	l->left--;
	canvas_style(&l->p->c, style, false);
	canvas_put(&l->p->c, title);
	canvas_style(&l->p->c, STYLE_NONE, false);
	canvas_cell(&l->p->c, 8, l->p->c.width);
	return true;
}

static const char *place(struct lines *l, const struct stack *s, char *buf)
{
	return screen_place(s, l->module, l->p->c.width / 2, buf);
}

/* Of several alike no more than a share of the room. */
static uint32_t some(const struct lines *l, uint32_t n)
{
	uint32_t most = l->left / 3 > 1 ? l->left / 3 : 1;

	return n < most ? n : most;
}

static void put_findings(struct lines *l, const struct finding *all, uint32_t n_all)
{
	uint32_t n = some(l, n_all);

	for (uint32_t i = 0; i < n; i++) {
		const struct finding *f = &all[i];

		if (!line(l, "found", screen_style(f->verdict)))
			return;
		canvas_printf(&l->p->c, "%s %s", verdict_name(f->verdict),
			      f->pattern ? f->pattern : "");
		if (f->summary)
			canvas_piece(&l->p->c, "%s", f->summary);
		if (i + 1 == n && n < n_all)
			canvas_piece(&l->p->c, "(%" PRIu32 " more)", n_all - n);
	}
}

static void put_rss(struct lines *l)
{
	char rate[SCREEN_CHANGE];

	if (!l->i->rss_climbs_alone || !line(l, "RSS", STYLE_YELLOW))
		return;
	canvas_printf(&l->p->c, "climbs while the goroutines stand still: %s a minute",
		      screen_bytes_change((int64_t)l->i->rss_rate_per_min, rate));
	if (l->i->rss_climbs_by)
		canvas_piece(&l->p->c, "by %s", l->i->rss_climbs_by);
}

static void put_thread_climb(struct lines *l)
{
	char rate[SCREEN_CHANGE];

	if (!l->i->threads_climb || !line(l, "threads", STYLE_YELLOW))
		return;
	canvas_printf(&l->p->c, "only come: %s a minute",
		      screen_rate(l->i->threads_rate_per_min, rate));
	if (l->i->cpus)
		canvas_piece(&l->p->c, "on %" PRIu32 " CPU%s", l->i->cpus,
			     l->i->cpus == 1 ? "" : "s");
}

/* A thread of Go's that has no work sleeps in a futex too, and nobody waits for anything. */
static bool is_idle(const struct lock_contention *c)
{
	const struct stack *s = &c->waiter.stack;

	for (uint32_t i = 0; i < s->n; i++)
		if (!site_is_runtime(s->frames[i].function))
			return false;
	return s->n > 0;
}

static void put_lock(struct lines *l, const struct lock_contention *c, uint32_t more)
{
	char buf[WORDS_CELL], words[WORDS_NUMBER];

	if (!line(l, "lock", STYLE_BOLD))
		return;
	canvas_printf(&l->p->c, "longest %s%s", c->at_least ? "at least " : "",
		      words_span((double)c->longest_ns / 1e9, words));
	canvas_piece(&l->p->c, "of %s wait%s", words_count(c->waits, words),
		     c->waits == 1 ? "" : "s");
	if (more)
		canvas_piece(&l->p->c, "(%" PRIu32 " more locks)", more);
	canvas_piece(&l->p->c, "on 0x%" PRIx64, c->futex);
	if (c->waiter.stack.n)
		canvas_piece(&l->p->c, "in %s", place(l, &c->waiter.stack, buf));
	if (c->waker.stack.n)
		canvas_piece(&l->p->c, "ended by %s", place(l, &c->waker.stack, buf));
}

static void put_locks(struct lines *l, const struct lock_activity *k)
{
	uint32_t real = 0, shown, put = 0;

	for (uint32_t i = 0; i < k->n_contended; i++)
		real += !is_idle(&k->contended[i]);
	shown = some(l, real);
	for (uint32_t i = 0; i < k->n_contended && put < shown; i++)
		if (!is_idle(&k->contended[i])) {
			put++;
			put_lock(l, &k->contended[i], put == shown ? real - shown : 0);
		}
	if (!real && k->sleepers && line(l, "lock", STYLE_NONE))
		canvas_printf(&l->p->c, "%" PRIu32 " thread%s asleep for a lock now", k->sleepers,
			      k->sleepers == 1 ? " is" : "s are");
}

static void put_busy(struct lines *l)
{
	const struct oncpu_look *o = l->a->oncpu;
	char buf[WORDS_CELL];

	if (!o)
		return;
	if (o->n_busy && line(l, "busy", STYLE_YELLOW)) {
		const struct busy_goroutine *b = &o->busy[0];

		canvas_printf(&l->p->c, "goroutine %" PRIu64 " has not left the CPU for %.0f s",
			      b->goid, b->seconds);
		if (b->at.function)
			canvas_piece(&l->p->c, "in %s",
				     words_place(&b->at, l->p->c.width / 2, buf));
		if (o->n_busy > 1)
			canvas_piece(&l->p->c, "(%" PRIu32 " more)", o->n_busy - 1);
	}
	if (!o->samples || !o->n_sites || !o->hz || l->i->span_s <= 0)
		return;
	if (!line(l, "cpu", STYLE_NONE))
		return;
	canvas_printf(&l->p->c, "%.2f cores", (double)o->samples / o->hz / l->i->span_s);
	if (o->samples < SAMPLES_MIN)
		return;
	canvas_piece(&l->p->c, "%.0f %% of it in %s",
		     100 * (double)o->sites[0].samples / (double)o->samples,
		     place(l, &o->sites[0].stack, buf));
}

static uint64_t bytes_of(const struct memory_activity *m, const enum traced_memory_kind *kinds,
			 size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += m->totals[kinds[i]].bytes;
	return sum;
}

static void put_memory(struct lines *l)
{
	static const enum traced_memory_kind came[] = {
		TRACED_MMAP_ANON, TRACED_MMAP_FILE, TRACED_MREMAP_GROW, TRACED_BRK_GROW,
	};
	static const enum traced_memory_kind went[] = {
		TRACED_MUNMAP, TRACED_MREMAP_SHRINK, TRACED_BRK_SHRINK, TRACED_MADV_DONTNEED,
		TRACED_MADV_FREE,
	};
	const struct memory_activity *m = l->a->memory;
	uint64_t asked = m ? bytes_of(m, came, ARRAY_SIZE(came)) : 0;
	uint64_t back = m ? bytes_of(m, went, ARRAY_SIZE(went)) : 0;
	char buf[WORDS_CELL], words[WORDS_NUMBER];

	if (!m || m->seen <= 0 || (!asked && !back && !m->totals[TRACED_FAULT].calls))
		return;
	if (!line(l, "memory", STYLE_NONE))
		return;
	canvas_printf(&l->p->c, "asked for %s", words_bytes(asked, words));
	canvas_piece(&l->p->c, "gave back %s", words_bytes(back, words));
	canvas_piece(&l->p->c, "%s page faults", words_count(m->totals[TRACED_FAULT].calls, words));
	if (m->seen < 0.995)
		canvas_piece(&l->p->c, "in %.2g %% of the time", m->seen * 100);
	if (m->peak_rss_bytes)
		canvas_piece(&l->p->c, "peak %s", words_bytes(m->peak_rss_bytes, words));
	if (m->n_sites)
		canvas_piece(&l->p->c, "most: %s %s", words_bytes(m->sites[0].sum.bytes, words),
			     place(l, &m->sites[0].stack, buf));
}

/* Mappings that only come. */
static void put_growing(struct lines *l)
{
	const struct memory_activity *m = l->a->memory;
	const struct memory_growth *g = m && m->n_growing ? &m->growing[0] : NULL;
	char buf[WORDS_CELL], words[WORDS_NUMBER];

	if (!g || !line(l, "maps", STYLE_YELLOW))
		return;
	canvas_printf(&l->p->c, "+%s a minute",
		      words_bytes((uint64_t)(g->bytes_per_min > 0 ? g->bytes_per_min : 0), words));
	canvas_piece(&l->p->c, "has %s", words_bytes(g->bytes, words));
	canvas_piece(&l->p->c, "in %s", place(l, &g->stack, buf));
	if (m->n_growing > 1)
		canvas_piece(&l->p->c, "(%" PRIu32 " more)", m->n_growing - 1);
}

static void put_c_heap(struct lines *l)
{
	const struct c_heap *h = l->a->c_heap;
	const struct c_heap_site *site = h && h->n_sites ? &h->sites[0] : NULL;
	char buf[WORDS_CELL], words[WORDS_NUMBER];

	if (!h || (!h->allocs && !site) || !line(l, "C heap", STYLE_NONE))
		return;
	canvas_printf(&l->p->c, "%s allocations seen", words_count(h->allocs, words));
	canvas_piece(&l->p->c, "%s", words_bytes(h->bytes, words));
	if (!site || !site->aged)
		return;
	canvas_piece(&l->p->c, "stays: %s of %s", words_bytes(site->aged_bytes, words),
		     place(l, &site->c, buf));
	if (site->go.n)
		canvas_piece(&l->p->c, "called by %s", place(l, &site->go, buf));
}

static void put_threads(struct lines *l)
{
	const struct thread_activity *t = l->a->threads;
	char buf[WORDS_CELL], words[WORDS_NUMBER];

	if (!t || (!t->births && !t->exits && !t->forks) || !line(l, "threads", STYLE_NONE))
		return;
	canvas_printf(&l->p->c, "%s born", words_count(t->births, words));
	canvas_piece(&l->p->c, "%s ended", words_count(t->exits, words));
	if (t->forks)
		canvas_piece(&l->p->c, "%s forks", words_count(t->forks, words));
	if (t->median_life_s >= 0)
		canvas_piece(&l->p->c, "half live under %s", words_span(t->median_life_s, words));
	if (t->n_sites)
		canvas_piece(&l->p->c, "most by %s", place(l, &t->sites[0].stack, buf));
}

static void put_scheduler(struct lines *l)
{
	const struct goroutine_activity *g = l->a->goroutines;
	char words[WORDS_NUMBER], buf[WORDS_CELL];

	if (!g || !screen_is_known(&g->parks) || !line(l, "go", STYLE_NONE))
		return;
	canvas_printf(&l->p->c, "%s parks", words_per_s(g->parks.per_s, words));
	if (screen_is_known(&g->births))
		canvas_piece(&l->p->c, "%s go statements", words_per_s(g->births.per_s, words));
	if (screen_is_known(&g->deaths))
		canvas_piece(&l->p->c, "%s ends", words_per_s(g->deaths.per_s, words));
	canvas_piece(&l->p->c, "seen %.2g %% of the time", g->parks.seen * 100);
	if (g->n_sites)
		canvas_piece(&l->p->c, "most at %s", place(l, &g->sites[0].stack, buf));
}

/* Who is on for how much of the time, and who is not. */
static void put_collectors(struct lines *l)
{
	bool any = false;

	for (int c = 0; c < COLLECTORS; c++)
		any = any || l->a->collectors[c].asked;
	if (!any || !line(l, "traced", STYLE_NONE))
		return;
	for (int pass = 0; pass < 2; pass++) {
		for (int c = 0; c < COLLECTORS; c++) {
			const struct collector_report *r = &l->a->collectors[c];

			/* Those that are refused come last, for they have long sentences. */
			if (!r->asked || (r->refused != NULL) != (pass == 1))
				continue;
			if (l->p->c.at > 8)
				canvas_put(&l->p->c, "  ");
			canvas_put(&l->p->c, collector_name((enum collector)c));
			if (r->on && r->seen < 0.995)
				canvas_printf(&l->p->c, " %.2g %%", r->seen * 100);
			if (!r->refused)
				continue;
			canvas_style(&l->p->c, STYLE_YELLOW, false);
			canvas_put(&l->p->c, r->on ? " in part: " : " refused: ");
			canvas_put(&l->p->c, r->refused);
			canvas_style(&l->p->c, STYLE_NONE, false);
		}
	}
}

void screen_activity(const struct screen *s, struct pane *p, unsigned int lines)
{
	struct lines l = { .p = p, .left = lines, .i = s->open->seen };
	const struct node_process *node = s->open->node;

	if (l.i && l.i->snapshot)
		l.module = l.i->snapshot->process.module;
	l.a = l.i ? l.i->activity : NULL;
	if (l.i) {
		put_rss(&l);
		put_thread_climb(&l);
	}
	if (node)
		put_findings(&l, node->findings, node->n_findings);
	else if (l.a)
		put_findings(&l, l.a->findings, l.a->n_findings);
	if (node && node->locks)
		put_locks(&l, node->locks);
	else if (l.a && l.a->locks)
		put_locks(&l, l.a->locks);
	if (!l.a)
		return;
	put_growing(&l);
	put_memory(&l);
	put_c_heap(&l);
	put_threads(&l);
	put_collectors(&l);
	put_busy(&l);
	put_scheduler(&l);
}
