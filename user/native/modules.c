// SPDX-License-Identifier: Apache-2.0
#include "native/modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/elf.h"
#include "model/limits.h"
#include "target/maps.h"
#include "target/process.h"

struct module {
	uint64_t dev, ino, bias;
	char *name;
	struct elf_image *elf;	/* NULL: the file cannot be read, and that is not tried again */
	struct cfi *cfi;
	struct functions *functions;
	struct lines *lines;
	bool cfi_tried, functions_tried, lines_tried;
};

struct modules {
	const struct process *process;
	struct maps *maps;
	struct module *all[LIMIT_NATIVE_MODULES];
	size_t n;
};

static void module_close(struct module *m)
{
	if (!m)
		return;
	lines_close(m->lines);
	functions_close(m->functions);
	cfi_close(m->cfi);
	elf_image_close(m->elf);
	free(m->name);
	free(m);
}
DEFINE_CLEANUP(struct module, module_close)

int modules_open(const struct process *p, struct modules **ret, struct diag *d)
{
	CLEANUP(modules_close_p) struct modules *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->process = p;
	r = modules_refresh(m, d);
	if (r < 0)
		return r;
	*ret = TAKE(m);
	return 0;
}

void modules_close(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		module_close(m->all[i]);
	maps_free(m->maps);
	free(m);
}

int modules_refresh(struct modules *m, struct diag *d)
{
	struct maps *maps;
	int r = maps_read(m->process, &maps, d);

	if (r < 0)
		return r;
	maps_free(m->maps);
	m->maps = maps;
	return 0;
}

/* The file's addresses plus this are the process's, by the segment that the mapping shows. */
static int bias_of(struct elf_image *e, const struct mapping *map, uint64_t *ret)
{
	size_t n;
	const struct elf_segment *s = elf_image_segments(e, &n);

	for (size_t i = 0; i < n; i++) {
		/* The kernel maps whole pages: a mapping may begin before its segment. */
		uint64_t first = s[i].offset & ~(uint64_t)4095;

		if (!s[i].executable || map->offset < first ||
		    map->offset >= s[i].offset + s[i].filesz)
			continue;
		*ret = map->start - map->offset + s[i].offset - s[i].vaddr;
		return 0;
	}
	return -ENODATA;
}

static struct module *open_module(struct modules *m, const struct mapping *map)
{
	CLEANUP(module_close_p) struct module *new = calloc(1, sizeof(*new));
	const char *slash = strrchr(map->path, '/');
	int fd;

	if (!new || m->n == LIMIT_NATIVE_MODULES)
		return NULL;
	new->dev = map->dev;
	new->ino = map->ino;
	new->name = strndup(slash ? slash + 1 : map->path, LIMIT_NAME);
	if (!new->name)
		return NULL;
	fd = maps_open_file(m->process, map, NULL);
	if (fd >= 0 && elf_image_open(fd, &new->elf, NULL) == 0 &&
	    bias_of(new->elf, map, &new->bias) < 0) {
		elf_image_close(new->elf);
		new->elf = NULL;
	}
	m->all[m->n++] = new;
	return TAKE(new);
}

struct module *modules_find(struct modules *m, uint64_t pc)
{
	const struct mapping *map = maps_find(m->maps, pc);
	struct module *found;

	if (!map || !map->executable || !map->ino)
		return NULL;
	for (size_t i = 0; i < m->n; i++) {
		uint64_t bias;

		found = m->all[i];
		if (found->ino != map->ino || found->dev != map->dev)
			continue;
		if (!found->elf)
			return NULL;
		/* dlmopen() maps one file at several places. */
		if (bias_of(found->elf, map, &bias) == 0 && bias == found->bias)
			return found;
	}
	found = open_module(m, map);
	return found && found->elf ? found : NULL;
}

bool modules_executable(const struct modules *m, uint64_t pc)
{
	const struct mapping *map = maps_find(m->maps, pc);

	return map && map->executable;
}

uint64_t modules_stack_end(const struct modules *m, uint64_t addr)
{
	const struct mapping *map = maps_find(m->maps, addr);

	return map && map->readable && map->writable ? map->end : 0;
}

uint64_t module_bias(const struct module *m)
{
	return m->bias;
}

const char *module_name(const struct module *m)
{
	return m->name;
}

struct cfi *module_cfi(struct module *m)
{
	if (!m->cfi_tried)
		cfi_open(m->elf, &m->cfi, NULL);
	m->cfi_tried = true;
	return m->cfi;
}

struct functions *module_functions(struct module *m)
{
	if (!m->functions_tried)
		functions_open(m->elf, &m->functions);
	m->functions_tried = true;
	return m->functions;
}

struct lines *module_lines(struct module *m)
{
	if (!m->lines_tried)
		lines_open(m->elf, &m->lines, NULL);
	m->lines_tried = true;
	return m->lines;
}
