/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask: whoever has a token, or a certificate that the client authority has signed. Where
 * both are set up, either will do. Of tokens only hashes are kept, and these are compared in a time
 * that says nothing of how far they agree.
 */
#pragma once

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

/* Two, while one gives way to the other; more are for those who want one for each client. */
enum { HTTP_TOKENS = 16, HTTP_TOKEN_MIN = 16, HTTP_TOKEN_HASH = 32 };

struct http_access {
	size_t n_tokens;
	uint8_t token[HTTP_TOKENS][HTTP_TOKEN_HASH];
};

/*
 * Adds the tokens of a file, which have white space between them. -EINVAL none, too many, or one
 * of fewer than HTTP_TOKEN_MIN bytes; -errno it cannot be read.
 */
int http_access_read_tokens(struct http_access *a, const char *path, struct diag *d);

/* token is one of them. */
bool http_access_has_token(const struct http_access *a, const char *token);

/* The peer of this TLS session has a client's certificate, in date, by the authority we trust. */
bool http_access_has_certificate(gnutls_session_t session);

/* The bytes of a file with a NUL behind them, at most max; to be freed. -EFBIG, -errno. */
int http_access_read_file(const char *path, size_t max, char **ret, size_t *ret_len,
			  struct diag *d);
