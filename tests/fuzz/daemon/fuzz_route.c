// SPDX-License-Identifier: Apache-2.0
/* A request's target and the words of its headers, of anybody's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http_words.h"
#include "daemon/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *path_of(const struct route *r)
{
	switch (r->ask.what) {
	case ASK_SNAPSHOT:
		return "api/v1/snapshot";
	case ASK_PAGE:
		return "";
	case ASK_FLAMEGRAPH:
		return "flamegraph.svg";
	default:
		return NULL;
	}
}

/* What was understood can be said in our own words, and is understood as the same again. */
static void check_ask(const struct route *r)
{
	char again[256], prove[32] = "";
	const char *path = path_of(r);
	struct route twin;

	if (r->ask.pid <= 0 || r->ask.debug > 2 || r->ask.prove_max_ms > 60000)
		abort();
	if (r->ask.prove_max_ms)
		snprintf(prove, sizeof(prove), "&prove=%ums", r->ask.prove_max_ms);
	snprintf(again, sizeof(again), "/proc/%d-%llu/%s%s?debug=%u%s", r->ask.pid,
		 (unsigned long long)r->ask.start_time, path ? path : "debug/pprof/",
		 path ? "" : route_profile_name(r->ask.what), r->ask.debug, prove);
	if (route_parse(again, strlen(again), &twin, NULL) < 0 || !ask_equal(&r->ask, &twin.ask))
		abort();
}

static void check_moved(const struct route *r)
{
	if (r->to[0] == '/' || strpbrk(r->to, " \r\n\t"))
		abort();
}

static void read_words(const char *s)
{
	static const char *const names[] = { "node7" };
	bool ours = http_host_is_ours(s, names, 1);

	/* A name that is ours has none of another's in it. */
	if (ours && strpbrk(s, "/@?# \\"))
		abort();
	http_wants_openmetrics(s);
	http_takes_gzip(s);
	http_has_tag(s, "\"1-2\"");
	http_bearer(s);
	http_is_cross_site(s, s, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = DIAG_INIT;
	struct route r;
	/* Of that very size, so that each byte beyond is seen. */
	char *bytes = malloc(size + 1);

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	bytes[size] = '\0';
	read_words(bytes);
	bytes = realloc(bytes, size ? size : 1);
	if (route_parse(bytes, size, &r, &d) < 0) {
		if (!d.why[0])
			abort();
	} else if (r.what == ROUTE_ASK) {
		check_ask(&r);
	} else if (r.what == ROUTE_MOVED) {
		check_moved(&r);
	}
	free(bytes);
	return 0;
}
