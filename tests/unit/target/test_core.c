// SPDX-License-Identifier: Apache-2.0
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

/* A core built in memory: header, program headers, notes, then the segments' bytes. */
struct image {
	uint8_t bytes[64 * 1024];
	size_t len;
	Elf64_Ehdr *head;
	Elf64_Phdr *phdrs;
};

enum { NOTES_AT = 0x1000, DATA_AT = 0x4000 };

static size_t add_note(struct image *im, size_t at, uint32_t type, const void *desc, size_t size)
{
	Elf64_Nhdr h = { 5, (uint32_t)size, type };

	memcpy(im->bytes + at, &h, sizeof(h));
	memcpy(im->bytes + at + sizeof(h), "CORE", 5);
	memcpy(im->bytes + at + sizeof(h) + 8, desc, size);
	return at + sizeof(h) + 8 + ((size + 3) & ~3ul);
}

static size_t add_files(struct image *im, size_t at)
{
	static const uint64_t words[] = { 3, 4096,
					  0x10000, 0x12000, 0,	/* as a segment */
					  0x12000, 0x13000, 2,	/* no segment */
					  0x20000, 0x21000, 0 };	/* half a segment */
	static const char names[] = "/bin/x\0/bin/x\0/lib/y (deleted)";
	uint8_t desc[sizeof(words) + sizeof(names)];

	memcpy(desc, words, sizeof(words));
	memcpy(desc + sizeof(words), names, sizeof(names));
	return add_note(im, at, NT_FILE, desc, sizeof(desc));
}

static size_t add_notes(struct image *im)
{
	uint8_t prstatus[336] = { 0 }, prpsinfo[136] = { 0 };
	uint64_t auxv[] = { AT_PHDR, 0x10040, AT_EXECFN, 0x30010, AT_NULL, 0 };
	size_t at = NOTES_AT;

	memcpy(prpsinfo + 24, &(uint32_t){ 4242 }, 4);
	strcpy((char *)prpsinfo + 40, "shop-api");
	memcpy(prstatus + 32, &(uint32_t){ 4244 }, 4);
	at = add_note(im, at, NT_PRSTATUS, prstatus, sizeof(prstatus));
	at = add_note(im, at, NT_PRPSINFO, prpsinfo, sizeof(prpsinfo));
	at = add_note(im, at, NT_AUXV, auxv, sizeof(auxv));
	at = add_files(im, at);
	memcpy(prstatus + 32, &(uint32_t){ 4242 }, 4);
	return add_note(im, at, NT_PRSTATUS, prstatus, sizeof(prstatus)) - NOTES_AT;
}

static struct image *image_new(void)
{
	static struct image im;

	memset(&im, 0, sizeof(im));
	im.head = (void *)im.bytes;
	im.phdrs = (void *)(im.bytes + sizeof(*im.head));
	*im.head = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
				 .e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = 1,
				 .e_phoff = sizeof(*im.head), .e_ehsize = sizeof(*im.head),
				 .e_phentsize = sizeof(*im.phdrs), .e_phnum = 5 };
	/* Not in address order, one partly dumped, one not at all. */
	im.phdrs[0] = (Elf64_Phdr){ PT_NOTE, 0, NOTES_AT, 0, 0, 0, 0, 4 };
	im.phdrs[1] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, DATA_AT, 0x30000, 0, 0x1000, 0x1000, 1 };
	im.phdrs[2] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0x5000, 0x10000, 0, 0x1000, 0x2000, 1 };
	im.phdrs[3] = (Elf64_Phdr){ PT_LOAD, PF_R, 0x6000, 0x20000, 0, 0x2000, 0x2000, 1 };
	im.phdrs[4] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 0x8000, 0x31000, 0, 0x1000, 0x1000, 1 };
	im.phdrs[0].p_filesz = add_notes(&im);
	im.len = 0x9000;
	for (size_t i = DATA_AT; i < im.len; i += 8)
		memcpy(im.bytes + i, &i, 8);
	strcpy((char *)im.bytes + DATA_AT + 0x10, "/execfn");
	return &im;
}

static int open_bytes(const void *bytes, size_t len, struct core **ret, struct diag *d)
{
	int fd = memfd_create("core", MFD_CLOEXEC), r;
	char path[32];

	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = core_open(path, ret, d);
	close(fd);
	return r;
}

static struct core *open_image(const struct image *im)
{
	struct core *c = NULL;
	struct diag d = DIAG_INIT;

	if (open_bytes(im->bytes, im->len, &c, &d) < 0)
		fail_msg("%s: %s", d.what, d.why);
	return c;
}

static void assert_refused(const struct image *im, int err, const char *why)
{
	struct core *c = NULL;
	struct diag d = DIAG_INIT;

	assert_int_equal(open_bytes(im->bytes, im->len, &c, &d), err);
	assert_null(c);
	if (!strstr(d.why, why))
		fail_msg("\"%s\" does not say \"%s\"", d.why, why);
}

static void memory_is_where_the_segments_say(void **state)
{
	CLEANUP(core_close_p) struct core *c = open_image(image_new());
	struct mem *m = core_mem(c);
	uint8_t buf[0x3000];
	uint64_t v;

	(void)state;
	assert_int_equal(mem_read_u64(m, 0x30100, &v), 0);
	assert_int_equal(v, DATA_AT + 0x100);
	assert_int_equal(mem_read_u64(m, 0x31008, &v), 0);
	assert_int_equal(v, 0x8008);
	/* Two segments side by side are one piece of memory. */
	assert_int_equal(mem_read(m, 0x30ff8, buf, 16), 0);
	assert_int_equal(((uint64_t *)buf)[0], DATA_AT + 0xff8);
	assert_int_equal(((uint64_t *)buf)[1], 0x8000);
	/* Partly dumped: the rest is absent. */
	assert_int_equal(mem_read(m, 0x10ff8, buf, 8), 0);
	assert_int_equal(mem_read(m, 0x10ff8, buf, 9), -EFAULT);
	assert_int_equal(mem_read(m, 0x11000, buf, 1), -EFAULT);
	assert_int_equal(mem_read(m, 0x12000, buf, 1), -EFAULT);
	assert_int_equal(mem_read(m, 0x32000, buf, 1), -EFAULT);
	assert_int_equal(mem_read(m, 0, buf, 1), -EFAULT);
	assert_int_equal(mem_read(m, UINT64_MAX, buf, 1), -EFAULT);
	assert_int_equal(mem_read(m, 0x30000, buf, 0x2000), 0);
	assert_int_equal(mem_read(m, 0x30000, buf, 0x2001), -EFAULT);
}

static void notes_tell_who_it_was(void **state)
{
	CLEANUP(core_close_p) struct core *c = open_image(image_new());
	struct core_facts f;

	(void)state;
	core_facts(c, &f);
	assert_int_equal(f.pid, 4242);
	assert_string_equal(f.exe, "/bin/x");
	assert_int_equal(f.threads, 2);
	assert_int_equal(f.tids[0], 4244);
	assert_int_equal(f.tids[1], 4242);
}

static void the_name_comes_from_what_is_left(void **state)
{
	struct image *im = image_new();
	struct core_facts f;
	struct core *c;

	(void)state;
	/* AT_PHDR outside every file: the string of AT_EXECFN. */
	uint8_t *auxv = memmem(im->bytes, im->len, &(uint64_t){ 0x10040 }, 8);
	assert_non_null(auxv);
	memset(auxv, 0x11, 8);
	c = open_image(im);
	core_facts(c, &f);
	assert_string_equal(f.exe, "/execfn");
	core_close(c);
	/* That neither: the name of the process. */
	memset(auxv + 16, 0x11, 8);
	c = open_image(im);
	core_facts(c, &f);
	assert_string_equal(f.exe, "shop-api");
	core_close(c);
}

static void segments_and_files_become_mappings(void **state)
{
	CLEANUP(core_close_p) struct core *c = open_image(image_new());
	const struct maps *m = core_maps(c);
	const struct mapping *p;

	(void)state;
	assert_int_equal(m->n, 6);
	p = maps_find(m, 0x11fff);
	assert_ptr_equal(p, &m->all[0]);
	assert_true(p->readable && p->executable && !p->writable);
	assert_string_equal(p->path, "/bin/x");
	/* Without a segment, as gcore leaves it. */
	p = maps_find(m, 0x12000);
	assert_int_equal(p->offset, 0x2000);
	assert_string_equal(p->path, "/bin/x");
	assert_true(p->readable && !p->executable && !p->writable);
	p = maps_find(m, 0x20000);
	assert_int_equal(p->end, 0x21000);
	assert_string_equal(p->path, "/lib/y");
	assert_true(p->deleted);
	p = maps_find(m, 0x21000);
	assert_int_equal(p->end, 0x22000);
	assert_string_equal(p->path, "");
	assert_null(maps_find(m, 0x13000));
	assert_null(maps_find(m, 0x32000));
	assert_true(maps_find(m, 0x31000)->writable);
}

static void a_truncated_core_is_refused_with_what_is_missing(void **state)
{
	struct image *im = image_new();

	(void)state;
	im->len -= 100;
	assert_refused(im, -EBADMSG, "100 of its 36864 bytes are missing");
	im->len = NOTES_AT + 8;
	assert_refused(im, -EBADMSG, "are missing");
	im->len = sizeof(Elf64_Ehdr) + 60;
	assert_refused(im, -EBADMSG, "are missing");
	im->len = 20;
	assert_refused(im, -EBADMSG, "not an ELF file");
	im->len = 0;
	assert_refused(im, -EBADMSG, "empty");
}

static void every_truncation_fails_in_words(void **state)
{
	struct image *im = image_new();

	(void)state;
	while (im->len-- > 0) {
		struct core *c = NULL;
		struct diag d = DIAG_INIT;

		/* Slow to do for each byte of the data. */
		if (im->len > 0x1800 && im->len % 61)
			continue;
		assert_int_equal(open_bytes(im->bytes, im->len, &c, &d), -EBADMSG);
		assert_true(d.why[0]);
	}
}

static void other_machines_and_other_files_are_named(void **state)
{
	struct image *im = image_new();

	(void)state;
	im->head->e_type = ET_EXEC;
	assert_refused(im, -EBADMSG, "not a core");
	im = image_new();
	im->head->e_machine = EM_AARCH64;
	assert_refused(im, -EOPNOTSUPP, "another machine");
	im = image_new();
	im->head->e_ident[EI_DATA] = ELFDATA2MSB;
	im->head->e_type = 0x0400;
	assert_refused(im, -EOPNOTSUPP, "another machine");
	im = image_new();
	im->head->e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(im, -EOPNOTSUPP, "32-bit");
	im = image_new();
	memcpy(im->bytes, "#!/bin/sh\n", 10);
	assert_refused(im, -EBADMSG, "not an ELF file");
	im = image_new();
	im->head->e_phnum = 1;
	assert_refused(im, -EBADMSG, "without memory");
}

static void malformed_segments_are_refused(void **state)
{
	struct image *im = image_new();

	(void)state;
	im->phdrs[1].p_offset = UINT64_MAX - 10;
	assert_refused(im, -EBADMSG, "malformed");
	im = image_new();
	im->phdrs[1].p_vaddr = UINT64_MAX - 10;
	assert_refused(im, -EBADMSG, "malformed");
	im = image_new();
	im->phdrs[1].p_memsz = 0x500;
	assert_refused(im, -EBADMSG, "malformed");
	im = image_new();
	im->phdrs[1].p_vaddr = 0x11000;
	assert_refused(im, -EBADMSG, "overlap");
	im = image_new();
	im->phdrs[1].p_offset = 1ull << 60;
	assert_refused(im, -EBADMSG, "are missing");
}

static void malformed_notes_are_refused(void **state)
{
	struct image *im = image_new();
	Elf64_Nhdr *first = (void *)(im->bytes + NOTES_AT);
	uint64_t *count;

	(void)state;
	first->n_descsz = 0xffffffff;
	assert_refused(im, -EBADMSG, "malformed notes");
	im = image_new();
	first->n_namesz = 0xfffffffd;
	assert_refused(im, -EBADMSG, "malformed notes");
	im = image_new();
	count = memmem(im->bytes, im->len, (uint64_t[]){ 3, 4096 }, 16);
	*count = 1ull << 61;
	assert_refused(im, -EBADMSG, "malformed notes");
	*count = 4;
	assert_refused(im, -EBADMSG, "malformed notes");
	*count = 3;
	count[1] = UINT64_MAX;
	assert_refused(im, -EBADMSG, "malformed notes");
	im = image_new();
	memset(im->bytes + NOTES_AT + 20 + 32, 0, 4);	/* a thread 0 */
	assert_refused(im, -EBADMSG, "malformed notes");
}

/* More than 65,534 segments: the count stands in section 0 (PN_XNUM), which the kernel adds. */
static void more_segments_than_the_header_can_count(void **state)
{
	enum { N = 70000 };
	size_t shoff = sizeof(Elf64_Ehdr) + N * sizeof(Elf64_Phdr), len = shoff + sizeof(Elf64_Shdr);
	uint8_t *bytes = calloc(1, len + 8);
	Elf64_Ehdr *head = (void *)bytes;
	Elf64_Phdr *phdrs = (void *)(bytes + sizeof(*head));
	struct core *c = NULL;
	struct diag d = DIAG_INIT;
	uint64_t v = 0;

	(void)state;
	*head = *image_new()->head;
	head->e_phnum = PN_XNUM;
	head->e_shoff = shoff;
	head->e_shnum = 1;
	head->e_shentsize = sizeof(Elf64_Shdr);
	((Elf64_Shdr *)(bytes + shoff))->sh_info = N;
	for (uint64_t i = 0; i < N; i++)
		phdrs[i] = (Elf64_Phdr){ PT_LOAD, PF_R, len, i * 0x1000 + 0x1000, 0, 8, 0x1000, 1 };
	memcpy(bytes + len, "ABCDEFGH", 8);
	if (open_bytes(bytes, len + 8, &c, &d) < 0)
		fail_msg("%s", d.why);
	assert_int_equal(core_maps(c)->n, N);
	assert_int_equal(mem_read_u64(core_mem(c), N * 0x1000ull, &v), 0);
	assert_memory_equal(&v, "ABCDEFGH", 8);
	core_close(c);
	c = NULL;
	/* Cut before section 0, nobody knows how many there are: not 65,535. */
	assert_int_equal(open_bytes(bytes, shoff, &c, &d), -EBADMSG);
	assert_non_null(strstr(d.why, "64 of its"));
	free(bytes);
}

static void a_core_that_shrinks_while_it_is_read_faults(void **state)
{
	struct image *im = image_new();
	int fd = memfd_create("core", MFD_CLOEXEC);
	char path[32];
	struct core *c = NULL;
	uint64_t v;

	(void)state;
	assert_int_equal(write(fd, im->bytes, im->len), im->len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(core_open(path, &c, NULL), 0);
	assert_int_equal(mem_read_u64(core_mem(c), 0x31000, &v), 0);
	assert_int_equal(ftruncate(fd, 0x8000), 0);
	assert_int_equal(mem_read_u64(core_mem(c), 0x31000, &v), -EFAULT);
	assert_int_equal(mem_read_u64(core_mem(c), 0x30000, &v), 0);
	core_close(c);
	close(fd);
}

static void what_is_no_regular_file_is_no_core(void **state)
{
	char fifo[] = "/tmp/loiter-fifo-XXXXXX";
	struct core *c = NULL;
	struct diag d = DIAG_INIT;
	int fd = mkstemp(fifo);

	(void)state;
	assert_int_equal(core_open("/tmp", &c, &d), -EBADMSG);
	assert_int_equal(core_open("/dev/null", &c, &d), -EBADMSG);
	assert_int_equal(core_open("/no/such/core", &c, &d), -ENOENT);
	assert_non_null(strstr(d.why, "cannot be opened"));
	close(fd);
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(core_open(fifo, &c, &d), -EBADMSG);	/* and does not wait */
	unlink(fifo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_where_the_segments_say),
		cmocka_unit_test(notes_tell_who_it_was),
		cmocka_unit_test(the_name_comes_from_what_is_left),
		cmocka_unit_test(segments_and_files_become_mappings),
		cmocka_unit_test(a_truncated_core_is_refused_with_what_is_missing),
		cmocka_unit_test(every_truncation_fails_in_words),
		cmocka_unit_test(other_machines_and_other_files_are_named),
		cmocka_unit_test(malformed_segments_are_refused),
		cmocka_unit_test(malformed_notes_are_refused),
		cmocka_unit_test(more_segments_than_the_header_can_count),
		cmocka_unit_test(a_core_that_shrinks_while_it_is_read_faults),
		cmocka_unit_test(what_is_no_regular_file_is_no_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
