/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of a request's headers: bytes of anybody's, and pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Of Accept: the client would rather have OpenMetrics than the older text of Prometheus. NULL and
 * what names neither: false, for that is what people and old scrapers read.
 */
bool http_wants_openmetrics(const char *accept);

/* Of Accept-Encoding: gzip is named, and not refused. NULL is none. */
bool http_takes_gzip(const char *accept_encoding);

/*
 * Of Host: it is one of `names`, localhost, or an address written as one, whatever its port. A
 * page of somebody else's, whose name was made to lead here, has that name in it. Letters' case
 * does not count.
 */
bool http_host_is_ours(const char *host, const char *const *names, size_t n);

/* Of If-None-Match: tag, as it stands in ETag, is among them; "*" is any. NULL is none. */
bool http_has_tag(const char *if_none_match, const char *tag);

/* Of Authorization, "Bearer TOKEN": where the token begins; NULL it is of another kind. */
const char *http_bearer(const char *authorization);

/*
 * Of Sec-Fetch-Site and -Mode, which browsers alone send: a page of somebody else's asks for
 * this, and not because a person follows a link from there. With `even_links`, also then.
 */
bool http_is_cross_site(const char *site, const char *mode, bool even_links);
