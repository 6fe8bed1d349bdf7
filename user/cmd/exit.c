// SPDX-License-Identifier: Apache-2.0
#include "cmd/exit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/line.h"

struct exit_row {
	int err;
	enum exit_code code;
	const char *why;
};

/* What each errno means when a reader returns it: style.md, and the headers of the readers. */
static const struct exit_row exit_rows[] = {
	{ EINVAL, EXIT_USAGE, "invalid argument" },
	{ ESRCH, EXIT_TARGET, "no such process" },
	{ ESTALE, EXIT_TARGET, "another program runs there now" },
	{ EFAULT, EXIT_TARGET, "its memory cannot be read" },
	{ EAGAIN, EXIT_TARGET, "it changed faster than it could be read" },
	{ EBADMSG, EXIT_TARGET, "its bytes are malformed" },
	{ EIO, EXIT_TARGET, "read error" },
	{ ENOENT, EXIT_TARGET, "no such file" },
	{ ENOTDIR, EXIT_TARGET, "no such file" },
	{ EISDIR, EXIT_TARGET, "is a directory" },
	{ ELOOP, EXIT_TARGET, "too many symbolic links" },
	{ ENXIO, EXIT_TARGET, "cannot be read" },
	{ ENODEV, EXIT_TARGET, "cannot be read" },
	{ ENAMETOOLONG, EXIT_TARGET, "the name is too long" },
	{ ETIMEDOUT, EXIT_TARGET, "it could not be read in time" },
	{ EPERM, EXIT_PERMISSION, "permission denied" },
	{ EACCES, EXIT_PERMISSION, "permission denied" },
	{ EBUSY, EXIT_PERMISSION, "something else traces it" },
	{ EOPNOTSUPP, EXIT_LAYOUT, "not supported" },
	{ ENODATA, EXIT_LAYOUT, "not a Go program" },
	{ ENOMEM, EXIT_INTERNAL, "out of memory" },
	{ ENOSPC, EXIT_INTERNAL, "no space left on device" },
};

static const struct exit_row *find_row(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(exit_rows); i++)
		if (exit_rows[i].err == -err)
			return &exit_rows[i];
	return NULL;
}

enum exit_code exit_code_of(int err)
{
	const struct exit_row *row = find_row(err);

	if (err >= 0)
		return EXIT_DONE;
	return row ? row->code : EXIT_INTERNAL;
}

void exit_sentence(FILE *out, int err, const struct diag *d)
{
	const struct exit_row *row = find_row(err);
	/* Each byte may become four: \xNN. */
	char what[4 * sizeof(d->what)], why[4 * sizeof(d->why)], hint[4 * sizeof(d->hint)];
	const char *reason = d->why;

	if (!*reason)
		reason = row ? row->why : strerror(-err);
	text_escape(d->what, what, sizeof(what));
	text_escape(reason, why, sizeof(why));
	text_escape(d->hint, hint, sizeof(hint));
	fprintf(out, "loiter: %s%s%s%s%s\n", what, *what ? ": " : "", why, *hint ? "; " : "", hint);
}

enum exit_code exit_fail(int err, const struct diag *d)
{
	exit_sentence(stderr, err, d);
	return exit_code_of(err);
}

enum exit_code exit_usage(const char *what, const char *why, const char *hint)
{
	struct diag d = DIAG_INIT;

	diag_fail(&d, -EINVAL, "%s", why);
	diag_what(&d, -EINVAL, "%s", what ? what : "");
	diag_hint(&d, -EINVAL, "%s", hint ? hint : "");
	return exit_fail(-EINVAL, &d);
}
