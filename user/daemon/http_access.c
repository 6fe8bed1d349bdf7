// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_access.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_FILE_MAX = 16 << 10 };

DEFINE_CLEANUP(char, free)

static int fill(int fd, char *buf, size_t size, size_t *ret)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, buf + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	*ret = n;
	return 0;
}

int http_access_read_file(const char *path, size_t max, char **ret, size_t *ret_len,
			  struct diag *d)
{
	CLEANUP(free_p) char *bytes = malloc(max + 2);
	int fd, r;

	if (!bytes)
		return -ENOMEM;
	/* Without O_NONBLOCK a pipe would hold us up. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		r = diag_fail(d, -errno, "cannot be opened: %s", strerror(errno));
		return diag_what(d, r, "%s", path);
	}
	r = fill(fd, bytes, max + 1, ret_len);
	close(fd);
	if (r < 0)
		diag_fail(d, r, "cannot be read: %s", strerror(-r));
	else if (*ret_len > max)
		r = diag_fail(d, -EFBIG, "it is larger than %zu bytes", max);
	if (r < 0)
		return diag_what(d, r, "%s", path);
	bytes[*ret_len] = '\0';
	*ret = TAKE(bytes);
	return 0;
}

static int hash(const char *token, size_t len, uint8_t ret[HTTP_TOKEN_HASH])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, token, len, ret) < 0 ? -EIO : 0;
}

static int add_token(struct http_access *a, const char *token, size_t len, struct diag *d)
{
	if (len < HTTP_TOKEN_MIN)
		return diag_fail(d, -EINVAL, "a token has at least %d characters", HTTP_TOKEN_MIN);
	if (a->n_tokens == HTTP_TOKENS)
		return diag_fail(d, -EINVAL, "it has more than %d tokens", HTTP_TOKENS);
	if (hash(token, len, a->token[a->n_tokens]) < 0)
		return diag_fail(d, -EIO, "SHA-256 is not to be had");
	a->n_tokens++;
	return 0;
}

static int add_tokens(struct http_access *a, char *text, struct diag *d)
{
	static const char space[] = " \t\r\n";
	size_t before = a->n_tokens;
	char *rest = text, *token;
	int r = 0;

	while (r == 0 && (token = strtok_r(rest, space, &rest)))
		r = add_token(a, token, strlen(token), d);
	if (r == 0 && a->n_tokens == before)
		r = diag_fail(d, -EINVAL, "there is no token in it");
	return r;
}

int http_access_read_tokens(struct http_access *a, const char *path, struct diag *d)
{
	CLEANUP(free_p) char *text = NULL;
	size_t len;
	int r;

	r = http_access_read_file(path, TOKEN_FILE_MAX, &text, &len, d);
	if (r < 0)
		return r;
	r = add_tokens(a, text, d);
	explicit_bzero(text, len);
	return r < 0 ? diag_what(d, r, "%s", path) : 0;
}

bool http_access_has_token(const struct http_access *a, const char *token)
{
	uint8_t one[HTTP_TOKEN_HASH];
	int found = 0;

	if (hash(token, strlen(token), one) < 0)
		return false;
	/* All of them, whichever it is. */
	for (size_t i = 0; i < a->n_tokens; i++)
		found |= gnutls_memcmp(a->token[i], one, sizeof(one)) == 0;
	return found;
}

bool http_access_has_certificate(gnutls_session_t session)
{
	gnutls_typed_vdata_st for_clients = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int status = 0;

	if (gnutls_certificate_verify_peers(session, &for_clients, 1, &status) < 0)
		return false;
	return status == 0;
}
