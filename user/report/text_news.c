// SPDX-License-Identifier: Apache-2.0
/* What is said once of a process that is watched. */
#include <string.h>

#include <xxhash.h>

#include "base/cleanup.h"
#include "report/text_activity.h"
#include "report/text_activity_parts.h"
#include "report/text_finding.h"

/*
 * Without its numbers, which change from look to look, and the group, whose place does. What is
 * proven does not change, and two proofs of one site are two findings.
 */
static uint64_t finding_hash(const struct finding *f)
{
	bool proof = f->verdict == VERDICT_PROVEN && f->n_evidence;
	const char *const says[] = { f->pattern, f->site, verdict_name(f->verdict),
				     proof ? f->evidence[0] : NULL };
	uint64_t h = 0;

	for (size_t k = 0; k < ARRAY_SIZE(says); k++)
		if (says[k])
			h = XXH3_64bits_withSeed(says[k], strlen(says[k]), h + k);
	return h;
}

/* When there is no more room to remember them, they are not said: the closing report has all. */
static bool is_new(struct interval_told *told, uint64_t hash)
{
	for (size_t k = 0; k < told->n_findings; k++)
		if (told->findings[k] == hash)
			return false;
	if (told->n_findings == INTERVAL_TOLD)
		return false;
	told->findings[told->n_findings++] = hash;
	return true;
}

/* "futex: no BTF" of the futex collector is "no BTF". */
static const char *reason_of(const struct activity *a, int c)
{
	const char *name = collector_name((enum collector)c), *why = a->collectors[c].refused;
	size_t n = strlen(name);

	return strncmp(why, name, n) == 0 && strncmp(why + n, ": ", 2) == 0 ? why + n + 2 : why;
}

static bool is_refused_alike(const struct activity *a, int c, int as)
{
	return a->collectors[c].refused && a->collectors[c].on == a->collectors[as].on &&
	       strcmp(reason_of(a, c), reason_of(a, as)) == 0;
}

/* Each reason once, behind all that it is the reason of. */
static void print_refused(const struct interval *i, struct line *l, FILE *out,
			  struct interval_told *told)
{
	const struct activity *a = i->activity;

	/* That there are no goroutines to trace is said by the process's first line. */
	if (i->snapshot && !i->snapshot->process.go_version)
		told->refused |= 1u << COLLECTOR_GOROUTINES;
	for (int c = 0; c < COLLECTORS; c++) {
		struct flow f = { .line = l, .out = out, .indent = ACTIVITY_TAG + 2, .separator = ", " };

		if (!a->collectors[c].refused || told->refused & 1u << c)
			continue;
		line_pad(l, ACTIVITY_TAG);
		for (int other = c; other < COLLECTORS; other++) {
			if (told->refused & 1u << other || !is_refused_alike(a, other, c))
				continue;
			flow_put(&f, collector_name((enum collector)other));
			told->refused |= 1u << other;
		}
		f.separator = " ";
		flow_words(&f, a->collectors[c].on ? "refused in part:" : "refused:");
		flow_words(&f, reason_of(a, c));
		flow_words(&f, "(`loiter doctor` says how to get it)");
		flow_end(&f);
	}
}

void text_activity_news(const struct interval *i, struct line *l, FILE *out,
			struct interval_told *told)
{
	const struct activity *a = i->activity;

	if (a)
		print_refused(i, l, out, told);
	for (uint32_t k = 0; a && k < a->n_findings; k++)
		if (is_new(told, finding_hash(&a->findings[k])))
			text_finding(&a->findings[k], l, out);
}
