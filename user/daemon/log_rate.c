// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_rate.h"

#include <string.h>

static struct log_kind *kind_of(struct log_rate *r, const char *event)
{
	struct log_kind *k = r->kinds;

	for (; k < &r->kinds[LOG_KINDS - 1]; k++) {
		if (!k->event)
			break;
		if (strcmp(k->event, event) == 0)
			return k;
	}
	if (!k->event)
		k->event = k == &r->kinds[LOG_KINDS - 1] ? "other" : event;
	return k;
}

static uint64_t take_left_out(struct log_kind *k)
{
	uint64_t n = k->left_out;

	k->left_out = 0;
	return n;
}

bool log_rate_allows(struct log_rate *r, const char *event, double now_s, uint64_t *ret_left_out)
{
	struct log_kind *k = kind_of(r, event);

	if (!k->said || now_s >= k->since_s + r->window_s) {
		k->since_s = now_s;
		k->said = 0;
	}
	if (k->said >= r->burst) {
		k->left_out++;
		return false;
	}
	k->said++;
	*ret_left_out = take_left_out(k);
	return true;
}

const char *log_rate_overdue(struct log_rate *r, double now_s, uint64_t *ret_left_out)
{
	for (struct log_kind *k = r->kinds; k < &r->kinds[LOG_KINDS] && k->event; k++) {
		if (!k->left_out || now_s < k->since_s + r->window_s)
			continue;
		*ret_left_out = take_left_out(k);
		return k->event;
	}
	return NULL;
}
