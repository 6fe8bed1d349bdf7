// SPDX-License-Identifier: Apache-2.0
/*
 * An interval may have hundreds of sites with a rate each; the JSON has them. Here is what a person
 * would look at first: the few at the top, and none that only idle.
 */
#include "report/text_activity.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/site.h"
#include "report/text_activity_parts.h"
#include "report/words.h"

enum {
	CPU_SITES = 128,	/* functions that are summed */
	SAMPLES_MIN = 25,	/* of all, and of one function: a share of less says nothing */
	SAMPLES_OF_ONE = 3,
};

#define CPU_MIN 0.1	/* of a core: less is no line */

/* --- Locks --- */

/* "libc.so.6+0x1f": no symbol covers it. */
static bool has_name(const struct frame *f)
{
	return f->function && !strstr(f->function, "+0x");
}

/*
 * A thread that the Go scheduler has put to sleep waits for work, and for no lock. In a Go program
 * without symbols that is all that a stack of no names may be.
 */
static bool is_idle(const struct activity_out *o, const struct stack *s)
{
	bool go = o->i->snapshot && o->i->snapshot->process.go_version;

	for (uint32_t k = 0; k < s->n; k++)
		if (has_name(&s->frames[k]) ? !site_is_runtime(s->frames[k].function) : !go)
			return false;
	return s->n > 0 || go;
}

static void print_side(const struct activity_out *o, const char *what, const struct lock_side *s)
{
	line_pad(o->l, ACTIVITY_INSIDE);
	line_printf(o->l, "%s thread %" PRId32 "  ", what, s->tid);
	activity_site(o, &s->stack);
	line_end(o->l, o->out);
}

static void print_locks(const struct activity_out *o)
{
	const struct lock_activity *a = o->a->locks;
	uint32_t shown = 0, all = 0;

	for (uint32_t k = 0; k < a->n_contended; k++) {
		const struct lock_contention *c = &a->contended[k];
		char words[WORDS_NUMBER];
		struct flow f;

		if (!c->waits || is_idle(o, &c->waiter.stack) || ++all > ACTIVITY_SHOWN)
			continue;
		shown++;
		f = activity_head(o, "LOCK", ACTIVITY_BODY);
		flow_printf(&f, "0x%" PRIx64, c->futex);
		flow_printf(&f, "%s long wait%s", words_count(c->waits, words),
			    c->waits == 1 ? "" : "s");
		flow_printf(&f, "the longest %s%s%s", c->at_least ? "at least " : "",
			    words_span((double)c->longest_ns / 1e9, words),
			    c->timed ? ", with a time limit" : "");
		flow_end(&f);
		if (c->waiter.tid)
			print_side(o, "waited:  ", &c->waiter);
		if (c->waker.tid)
			print_side(o, "ended by:", &c->waker);
	}
	activity_more(o, shown, all, "locks");
}

/* --- Threads and the CPU --- */

static void print_threads(const struct activity_out *o)
{
	const struct thread_activity *t = o->a->threads;
	char words[WORDS_NUMBER];
	struct flow f;

	if (!t->births)
		return;
	f = activity_head(o, "BORN", ACTIVITY_BODY);
	flow_printf(&f, "%s thread%s", words_count(t->births, words), t->births == 1 ? "" : "s");
	flow_printf(&f, "%s ended", words_count(t->exits, words));
	if (t->median_life_s >= 0)
		flow_printf(&f, "half live less than %s", words_span(t->median_life_s, words));
	flow_end(&f);
	for (uint32_t k = 0; k < t->n_sites && k < ACTIVITY_SHOWN; k++) {
		/* Go's scheduler makes its threads on whichever stack it is. */
		if (is_idle(o, &t->sites[k].stack))
			continue;
		line_pad(o->l, ACTIVITY_INSIDE);
		line_printf(o->l, "%s by  ", words_count(t->sites[k].births, words));
		activity_site(o, &t->sites[k].stack);
		line_end(o->l, o->out);
	}
}

/* Samples with one innermost function, and the caller that it has most often. */
struct cpu_function {
	const struct stack *stack;	/* of its largest site */
	uint64_t samples;
};

static bool same_function(const struct frame *a, const struct frame *b)
{
	if (!a->function || !b->function)
		return a->function == b->function;
	return strcmp(a->function, b->function) == 0;
}

/* Most samples first, as the sites are, of which each function's first is its largest. */
static size_t sum_functions(const struct oncpu_look *c, struct cpu_function *ret)
{
	size_t n = 0;

	for (uint32_t k = 0; k < c->n_sites; k++) {
		const struct oncpu_site *s = &c->sites[k];
		size_t at = 0;

		if (!s->stack.n)
			continue;
		while (at < n && !same_function(&ret[at].stack->frames[0], &s->stack.frames[0]))
			at++;
		if (at == CPU_SITES)
			continue;
		if (at == n)
			ret[n++] = (struct cpu_function){ .stack = &s->stack };
		ret[at].samples += s->samples;
		for (; at && ret[at - 1].samples < ret[at].samples; at--) {
			struct cpu_function f = ret[at];

			ret[at] = ret[at - 1];
			ret[at - 1] = f;
		}
	}
	return n;
}

static void print_cpu_function(const struct activity_out *o, const struct cpu_function *c, uint64_t all)
{
	const struct frame *in = &c->stack->frames[0], *own = site_frame_mixed(c->stack, o->module);
	char words[WORDS_CELL];

	line_pad(o->l, ACTIVITY_INSIDE);
	line_printf(o->l, "%.0f %%  ", (double)c->samples * 100 / (double)all);
	if (own && own != in && in->function) {
		line_put_cut(o->l, words_place(&(struct frame){ .function = in->function }, 30, words),
			     30);
		line_put(o->l, "  under  ");
	}
	activity_place(o, own ? own : in);
	line_end(o->l, o->out);
}

static void print_cpu(const struct activity_out *o)
{
	const struct oncpu_look *c = o->a->oncpu;
	struct cpu_function functions[CPU_SITES];
	double cores = 0;
	struct flow f;
	size_t n;

	if (c->hz && o->i->span_s > 0)
		cores = (double)c->samples / c->hz / o->i->span_s;
	if (cores < CPU_MIN || c->samples < SAMPLES_MIN)
		return;
	f = activity_head(o, "CPU", ACTIVITY_BODY);
	flow_printf(&f, "%.2f core%s", cores, cores > 1 ? "s" : "");
	flow_printf(&f, "%" PRIu64 " samples", c->samples);
	flow_end(&f);
	n = sum_functions(c, functions);
	for (size_t k = 0; k < n && k < ACTIVITY_SHOWN; k++)
		if (functions[k].samples >= SAMPLES_OF_ONE &&
		    (double)functions[k].samples >= (double)c->samples * ACTIVITY_SITE_MIN)
			print_cpu_function(o, &functions[k], c->samples);
}

void text_activity(const struct interval *i, struct line *l, FILE *out)
{
	const struct activity *a = i->activity;
	const struct activity_out o = {
		.i = i, .a = a, .l = l, .out = out,
		.module = i->snapshot ? i->snapshot->process.module : NULL,
	};

	if (!a)
		return;
	if (a->goroutines)
		text_goroutines(&o, a->goroutines);
	if (a->locks)
		print_locks(&o);
	if (a->memory)
		text_memory(&o, a->memory);
	if (a->threads)
		print_threads(&o);
	if (a->oncpu)
		print_cpu(&o);
}
