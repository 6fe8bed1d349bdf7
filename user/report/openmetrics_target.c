// SPDX-License-Identifier: Apache-2.0
#include "report/openmetrics_target.h"

#include <errno.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static struct target_word *find_word(struct target_words *w, const char *word, const char *second)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (same(w->all[i].word, word) && same(w->all[i].second, second))
			return &w->all[i];
	return NULL;
}

struct target_word *target_words_at(struct target_words *w, struct arena *a, const char *word,
				    const char *second)
{
	char clean[METRIC_VALUE];
	struct target_word *row = find_word(w, metric_clean(word, clean), second);

	if (row)
		return row;
	/* One of them may be called so itself. */
	if (w->n >= LIMIT_METRIC_WORDS) {
		strcpy(clean, "other");
		second = NULL;
		row = find_word(w, clean, second);
	}
	if (row)
		return row;
	row = &w->all[w->n];
	*row = (struct target_word){ .word = arena_strdup(a, clean), .second = second,
				     .wait_ns = WAIT_UNKNOWN };
	if (!row->word)
		return NULL;
	w->n++;
	return row;
}

static void sum(struct target_sum *s, double value)
{
	s->known++;
	s->value += value;
}

/* Of times: one that seems to lie ahead is now. */
static void largest(struct target_sum *s, double value)
{
	if (value < 0)
		value = 0;
	if (!s->known++ || value > s->value)
		s->value = value;
}

/* --- Goroutines --- */

/* Names of one snapshot are mostly one copy each, and groups may be a million. */
static int note_oldest(struct target_words *w, struct arena *a, const struct snapshot *s)
{
	struct target_word *row = NULL;
	const char *last = NULL;

	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];

		if (g->system || !g->wait_reason || g->oldest_wait_ns < 0)
			continue;
		if (g->wait_reason != last)
			row = target_words_at(w, a, g->wait_reason, NULL);
		if (!row)
			return -ENOMEM;
		last = g->wait_reason;
		if (g->oldest_wait_ns > row->wait_ns)
			row->wait_ns = g->oldest_wait_ns;
	}
	return 0;
}

static int add_words(struct target_words *w, struct arena *a, const struct named_count *all,
		     uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct target_word *row = target_words_at(w, a, all[i].name, NULL);

		if (!row)
			return -ENOMEM;
		row->count += all[i].count;
	}
	return 0;
}

static int add_goroutines(struct target *t, struct arena *a, const struct node_process *p,
			  double age_s)
{
	const struct snapshot *s = p->interval ? p->interval->snapshot : NULL;
	int r;

	if (!s || !p->info || !p->info->go_version)
		return 0;
	sum(&t->goroutines, (double)s->total);
	sum(&t->system, (double)s->system);
	t->growing_sites += p->growing_sites;
	sum(&t->unread, (double)(s->quality.torn + s->quality.unreadable));
	largest(&t->look_age_s, age_s);
	r = add_words(&t->states, a, s->by_state, s->n_by_state);
	if (r == 0)
		r = add_words(&t->reasons, a, s->by_wait_reason, s->n_by_wait_reason);
	if (r == 0)
		r = note_oldest(&t->reasons, a, s);
	return r < 0 ? r : target_sites_add(&t->sites, a, p);
}

/* --- Leaks and findings --- */

/* What a look alone proves, by the wait itself. */
static uint64_t proven_by_wait(const struct node_process *p)
{
	const struct snapshot *s = p->interval ? p->interval->snapshot : NULL;
	uint64_t n = 0;

	for (uint32_t i = 0; s && i < s->n_groups; i++)
		n += s->groups[i].n_proven;
	return n;
}

/* A search says how many there are, none too; without one, no more than what is proven anyway. */
static void add_leaks(struct target *t, const struct node_look *look, const struct node_process *p)
{
	const struct examined *e = p->examined && p->examined->leaks_known ? p->examined : NULL;
	const struct examined_leaks none = { .bytes = WAIT_UNKNOWN };
	const struct examined_leaks *found[GRADES] = {
		e ? &e->proven : &none, e ? &e->likely : &none, e ? &e->suspect : &none,
	};
	uint64_t proven = proven_by_wait(p);

	if (e)
		largest(&t->searched_age_s, look->elapsed_s - e->elapsed_s);
	for (int i = 0; i < GRADES; i++) {
		uint64_t n = found[i]->goroutines;

		if (i == GRADE_PROVEN && proven > n)
			n = proven;
		if (e || n)
			sum(&t->leaked[i], (double)n);
		if (e && found[i]->bytes >= 0)
			sum(&t->leaked_bytes[i], (double)found[i]->bytes);
	}
}

/* Is it among the first n? A heavier look and the node's may both tell it. */
static bool told(const struct finding *all, uint32_t n, const struct finding *f)
{
	for (uint32_t i = 0; i < n; i++)
		if (all[i].verdict == f->verdict && same(all[i].pattern, f->pattern) &&
		    same(all[i].site, f->site))
			return true;
	return false;
}

static int add_findings(struct target *t, struct arena *a, const struct node_process *p)
{
	const struct examined *e = p->examined;
	uint32_t n = p->n_findings + (e ? e->n_findings : 0);

	for (uint32_t i = 0; i < n; i++) {
		bool own = i < p->n_findings;
		const struct finding *f = own ? &p->findings[i] : &e->findings[i - p->n_findings];
		struct target_word *row;

		if (!f->pattern || (!own && told(p->findings, p->n_findings, f)))
			continue;
		row = target_words_at(&t->findings, a, f->pattern, verdict_name(f->verdict));
		if (!row)
			return -ENOMEM;
		row->count++;
	}
	return 0;
}

/* --- Memory, threads, locks --- */

static void add_trend(const struct trend *t, struct target_sum *now, struct target_sum *rate,
		      uint32_t *growing)
{
	if (!t->known)
		return;
	sum(now, (double)t->now);
	*growing += t->grows;
	if (t->window_s > 0)
		sum(rate, t->rate_per_min / 60);
}

static void add_parts(struct target *t, const struct node_look *look, const struct node_process *p)
{
	const struct examined *e = p->examined;
	bool any = false;

	for (size_t i = 0; e && e->rss_bytes && i < MEMORY_PARTS; i++) {
		if (e->part[i] == MEMORY_UNKNOWN)
			continue;
		sum(&t->part[i], (double)e->part[i]);
		any = true;
	}
	if (any)
		largest(&t->parts_age_s, look->elapsed_s - e->elapsed_s);
}

static void add_locks(struct target *t, const struct node_process *p)
{
	const struct lock_activity *l = p->locks;

	/* The longest comes first. */
	if (l && l->n_contended)
		largest(&t->lock_wait_s, (double)l->contended[0].longest_ns / 1e9);
}

/* --- All of it --- */

void target_init(struct target *t)
{
	*t = (struct target){ .uptime_s = -1 };
}

static int copy(struct arena *a, char **to, const char *from)
{
	*to = from ? arena_strdup(a, from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

/* Of several processes, the one that began last: what is being rolled out. */
static int describe(struct target *t, struct arena *a, const struct node_process *p)
{
	const struct process_info *i = p->info;
	bool younger = p->uptime_s >= 0 && (t->uptime_s < 0 || p->uptime_s < t->uptime_s);
	int r;

	if (t->n > 1 && !younger)
		return 0;
	t->uptime_s = p->uptime_s;
	t->kind = p->kind;
	r = copy(a, &t->container, p->container_id);
	if (r == 0)
		r = copy(a, &t->go_version, i ? i->go_version : NULL);
	if (r == 0)
		r = copy(a, &t->module, i ? i->module : NULL);
	return r < 0 ? r : copy(a, &t->build_id, i ? i->build_id : NULL);
}

static enum watch_state state_of(const struct node_process *p)
{
	if (p->interval && p->interval->state == WATCH_FAILED)
		return WATCH_FAILED;
	return p->state > WATCH_FAILED ? WATCH_FAILED : p->state;
}

int target_add(struct target *t, struct arena *a, const struct node_look *look,
	       const struct node_process *p, double age_s)
{
	int r;

	t->n++;
	t->by_kind[p->kind < NODE_KINDS ? p->kind : NODE_UNKNOWN][state_of(p)]++;
	t->worse |= p->n_findings || node_process_grows(p);
	add_leaks(t, look, p);
	add_trend(&p->rss, &t->rss, &t->rss_rate, &t->rss_growing);
	add_trend(&p->threads, &t->threads, &t->threads_rate, &t->threads_growing);
	add_parts(t, look, p);
	add_locks(t, p);
	r = describe(t, a, p);
	if (r == 0)
		r = add_findings(t, a, p);
	return r < 0 ? r : add_goroutines(t, a, p, age_s);
}
