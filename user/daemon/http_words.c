// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_words.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Longest name or address in a Host. */
enum { HOST_MAX = 255 };

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* "q=0.5" at s, in thousandths; out of its form: 0. */
static int read_quality(const char *s)
{
	int q = *s == '1' ? 1000 : 0, unit = 100;

	if (*s != '0' && *s != '1')
		return 0;
	s++;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
			q += (*s - '0') * unit;
	return q > 1000 ? 1000 : q;
}

/* Of one range of Accept, up to end: its q. */
static int quality_of(const char *range, const char *end)
{
	const char *p = range;

	while ((p = memchr(p, ';', (size_t)(end - p)))) {
		p = skip_space(p + 1);
		if (p >= end)
			break;
		if ((*p == 'q' || *p == 'Q') && p[1] == '=')
			return read_quality(p + 2);
	}
	return 1000;
}

/* How much `type` is wanted of a list; the highest of its ranges. 0: it is not named. */
static int wanted(const char *accept, const char *type)
{
	size_t n = strlen(type);
	int best = 0;

	while (*accept) {
		const char *range = skip_space(accept), *end = range + strcspn(range, ",");
		const char *after = range + n;

		if ((size_t)(end - range) >= n && strncasecmp(range, type, n) == 0 &&
		    (after == end || *skip_space(after) == ';' || skip_space(after) == end)) {
			int q = quality_of(range, end);

			best = q > best ? q : best;
		}
		accept = *end ? end + 1 : end;
	}
	return best;
}

bool http_wants_openmetrics(const char *accept)
{
	int openmetrics = accept ? wanted(accept, "application/openmetrics-text") : 0;

	return openmetrics && openmetrics >= wanted(accept, "text/plain");
}

bool http_takes_gzip(const char *accept_encoding)
{
	return accept_encoding && wanted(accept_encoding, "gzip");
}

/* s is "", or ":" and digits. */
static bool is_port(const char *s)
{
	return !*s || (*s == ':' && strspn(s + 1, "0123456789") == strlen(s + 1));
}

static bool is_bracketed_address(const char *host)
{
	const char *end = strchr(host, ']');
	char address[HOST_MAX + 1];
	struct in6_addr ignored;
	size_t n = end ? (size_t)(end - host - 1) : 0;

	if (!end || n > HOST_MAX || !is_port(end + 1))
		return false;
	memcpy(address, host + 1, n);
	address[n] = '\0';
	return inet_pton(AF_INET6, address, &ignored) == 1;
}

bool http_host_is_ours(const char *host, const char *const *names, size_t n)
{
	size_t len = strcspn(host, ":");
	char name[HOST_MAX + 1];
	struct in_addr ignored;

	if (*host == '[')
		return is_bracketed_address(host);
	if (!len || len > HOST_MAX || !is_port(host + len))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	/* The root's dot says no more. */
	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
	if (strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &ignored) == 1)
		return true;
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

bool http_has_tag(const char *if_none_match, const char *tag)
{
	size_t n = strlen(tag);

	while (if_none_match && *if_none_match) {
		const char *one = if_none_match + strspn(if_none_match, " \t,");
		size_t len = strcspn(one, " \t,");

		if (len > 2 && one[0] == 'W' && one[1] == '/') {
			one += 2;
			len -= 2;
		}
		if ((len == n && memcmp(one, tag, n) == 0) || (len == 1 && *one == '*'))
			return true;
		if_none_match = one + len;
	}
	return false;
}

const char *http_bearer(const char *authorization)
{
	static const char word[] = "Bearer";

	if (!authorization || strncasecmp(authorization, word, sizeof(word) - 1) != 0 ||
	    authorization[sizeof(word) - 1] != ' ')
		return NULL;
	return skip_space(authorization + sizeof(word) - 1);
}

bool http_is_cross_site(const char *site, const char *mode, bool even_links)
{
	/* Absent: no browser of our days. "none": typed in, or a bookmark. */
	if (!site || strcasecmp(site, "same-origin") == 0 || strcasecmp(site, "none") == 0)
		return false;
	return even_links || !mode || strcasecmp(mode, "navigate") != 0;
}
