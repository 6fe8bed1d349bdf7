// SPDX-License-Identifier: Apache-2.0
#include "daemon/cage.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h of Debian 12 (Linux 6.1) ends with the second of these. */
#define FS_FIRST ((1ull << 13) - 1)	/* Linux 5.13: all but linking across, truncating, ioctl */
#define FS_REFER (1ull << 13)		/* Linux 5.19 */
#define FS_TRUNCATE (1ull << 14)	/* Linux 6.2 */
#define FS_IOCTL_DEV (1ull << 15)	/* Linux 6.10 */

/* The beginning of the kernel's struct, which has grown: each size is an older kernel's. */
struct ruleset {
	uint64_t fs;
	uint64_t net;		/* Linux 6.7 */
	uint64_t scoped;	/* Linux 6.12 */
};

enum { NET_TCP_ALL = 3, SCOPE_ALL = 3 };

static size_t ruleset_for(long version, struct ruleset *ret)
{
	*ret = (struct ruleset){ .fs = FS_FIRST };
	if (version >= 2)
		ret->fs |= FS_REFER;
	if (version >= 3)
		ret->fs |= FS_TRUNCATE;
	if (version >= 5)
		ret->fs |= FS_IOCTL_DEV;
	if (version >= 4)
		ret->net = NET_TCP_ALL;
	if (version >= 6)
		ret->scoped = SCOPE_ALL;
	return version >= 6 ? sizeof(*ret) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static int allow_reading(int ruleset, int dir_fd)
{
	const struct landlock_path_beneath_attr below = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = dir_fd,
	};

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0
		       ? -errno
		       : 0;
}

int cage_files_only(const int *dir_fds, size_t n, struct diag *d)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset rules;
	size_t size = ruleset_for(version, &rules);
	int fd, r = 0;

	/* ENOSYS: older than Linux 5.13; EOPNOTSUPP: switched off. */
	if (version < 0)
		return 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return diag_fail(d, -errno, "landlock_create_ruleset: %m");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = allow_reading(fd, dir_fds[i]);
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	close(fd);
	errno = -r;
	return r < 0 ? diag_fail(d, r, "Landlock: %m") : 0;
}
