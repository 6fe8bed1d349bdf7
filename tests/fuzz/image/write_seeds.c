// SPDX-License-Identifier: Apache-2.0
/* write_seeds DIR: valid inputs for each fuzz target of image/, in a directory of its own. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../unit/image/fake_elf.h"

static int write_seed(const char *dir, const char *target, const char *name, const void *bytes,
		      size_t len)
{
	char path[4096];
	FILE *f;
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, target);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, target, name);
	f = fopen(path, "wb");
	if (!f)
		return 1;
	r = fwrite(bytes, 1, len, f) != len;
	return fclose(f) != 0 || r;
}

int main(int argc, char **argv)
{
	static const int minors[] = { 18, 20, 22, 25, 27 };
	static struct fake_elf e;
	int r = 0;

	if (argc != 2)
		return 2;
	mkdir(argv[1], 0777);
	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
		struct fake_pclntab t;
		uint8_t bytes[1 + sizeof(t.bytes)];
		char name[32];

		fake_pclntab_build(minors[i], &t);
		bytes[0] = (uint8_t)minors[i];
		memcpy(bytes + 1, t.bytes, t.len);
		snprintf(name, sizeof(name), "go1.%d", minors[i]);
		r |= write_seed(argv[1], "pclntab", name, bytes, 1 + t.len);
	}
	fake_elf_build(&e);
	r |= write_seed(argv[1], "buildinfo", "blob", e.bytes + FAKE_AT_BUILDINFO, 0x200);
	r |= write_seed(argv[1], "elf", "whole", e.bytes, sizeof(e.bytes));
	r |= write_seed(argv[1], "moduledata", "whole", e.bytes, sizeof(e.bytes));
	fake_elf_drop_sections(&e);
	r |= write_seed(argv[1], "elf", "bare", e.bytes, FAKE_AT_SYMBOLS);
	r |= write_seed(argv[1], "moduledata", "bare", e.bytes, FAKE_AT_SYMBOLS);
	return r;
}
