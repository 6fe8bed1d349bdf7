// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/cell_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("answer", MFD_CLOEXEC);
	struct diag d = DIAG_INIT;
	struct cell_answer a;
	char *bytes = NULL;
	size_t len = 0;
	int r;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	cell_answer_init(&a, MAX);
	r = cell_answer_read(&a, fd);
	close(fd);
	if (r == 0)
		r = cell_answer_take(&a, &bytes, &len, &d);
	if (r == 0 && (len > MAX || (len && memcmp(bytes, data + size - len, len) != 0)))
		abort();
	if (r < 0 && (strlen(d.why) >= sizeof(d.why) || strlen(d.what) >= sizeof(d.what)))
		abort();
	free(bytes);
	cell_answer_done(&a);
	return 0;
}
