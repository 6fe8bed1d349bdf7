// SPDX-License-Identifier: Apache-2.0
#include "target/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/maps.h"
#include "target/mem_sealed.h"
#include "target/process.h"
#include "target/procfile.h"

enum { PAGE = 4096, PAGES = 4, PIPE_FD = 40, SOCKET_FD = 41 };

/* Of the child: plain memory with a hole behind it, and a file of which page 1 is its own copy. */
#define PLAIN 0x500000000000ull
#define OF_FILE 0x510000000000ull

static const char *file_path;

static void map_both(void *arg)
{
	char *plain = mmap((void *)PLAIN, PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	int fd = open(file_path, O_RDONLY), ends[2];
	char *file = mmap((void *)OF_FILE, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);

	(void)arg;
	if (plain != (void *)PLAIN || file != (void *)OF_FILE || pipe(ends) < 0)
		_exit(1);
	memset(plain, 'p', PAGES * PAGE);
	memset(file + PAGE, 'c', PAGE);
	dup2(ends[0], PIPE_FD);
	dup2(socket(AF_UNIX, SOCK_STREAM, 0), SOCKET_FD);
}

struct fixture {
	char path[32];
	pid_t pid;
	struct process *process;
	struct mem *mem;
};

static struct fixture start(void)
{
	struct fixture f = { .path = "/tmp/sealed-XXXXXX" };
	char bytes[PAGES * PAGE - 96];
	int fd = mkstemp(f.path);

	assert_true(fd >= 0);
	memset(bytes, 'f', sizeof(bytes));
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	file_path = f.path;
	f.pid = child_start(map_both, NULL);
	assert_int_equal(process_open(f.pid, &f.process, NULL), 0);
	assert_int_equal(process_seal(f.process, false, NULL), 0);
	assert_int_equal(mem_sealed_open(f.process, &f.mem), 0);
	return f;
}

static void stop(struct fixture *f)
{
	mem_close(f->mem);
	process_close(f->process);
	child_stop(f->pid);
	unlink(f->path);
}

static void plain_memory_is_read_up_to_its_end(void **state)
{
	struct fixture f = start();
	char bytes[2 * PAGE];

	(void)state;
	assert_int_equal(mem_read(f.mem, PLAIN + 100, bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes[0], 'p');
	assert_int_equal(bytes[sizeof(bytes) - 1], 'p');
	assert_int_equal(mem_read(f.mem, PLAIN + (PAGES - 1) * PAGE, bytes, sizeof(bytes)),
			 -EFAULT);
	assert_int_equal(mem_read(f.mem, 0, bytes, 1), -EFAULT);
	assert_int_equal(mem_read(f.mem, UINT64_MAX - 4, bytes, 8), -EFAULT);
	stop(&f);
}

static uint64_t resident_of_file(const struct fixture *f)
{
	char *smaps, *at;
	size_t len;
	unsigned long kib = 99;

	assert_int_equal(procfile_read(f->process->proc_fd, "smaps", 1 << 20, &smaps, &len), 0);
	at = strstr(smaps, f->path);
	assert_non_null(at);
	at = strstr(at, "\nRss:");
	assert_non_null(at);
	sscanf(at, "\nRss: %lu", &kib);
	procfile_free(smaps);
	return kib;
}

static void pages_of_a_file_are_read_and_not_fetched(void **state)
{
	struct fixture f = start();
	uint64_t before = resident_of_file(&f);
	char bytes[PAGES * PAGE];

	(void)state;
	assert_int_equal(mem_read(f.mem, OF_FILE, bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes[PAGE - 1], 'f');
	assert_int_equal(bytes[PAGE], 'c');
	assert_int_equal(bytes[2 * PAGE - 1], 'c');
	assert_int_equal(bytes[2 * PAGE], 'f');
	/* Past its end, the last page is of zeroes. */
	assert_int_equal(bytes[sizeof(bytes) - 97], 'f');
	assert_int_equal(bytes[sizeof(bytes) - 96], 0);
	assert_int_equal(resident_of_file(&f), before);
	stop(&f);
}

static void many_pieces_have_an_answer_each(void **state)
{
	struct fixture f = start();
	char a, b, c;
	struct mem_req reqs[] = { { .addr = PLAIN, .buf = &a, .len = 1 },
				  { .addr = PLAIN + PAGES * PAGE, .buf = &b, .len = 1 },
				  { .addr = OF_FILE, .buf = &c, .len = 1 } };

	(void)state;
	assert_int_equal(mem_read_many(f.mem, reqs, 3), 0);
	assert_int_equal(reqs[0].err, 0);
	assert_int_equal(reqs[1].err, -EFAULT);
	assert_int_equal(reqs[2].err, 0);
	assert_true(a == 'p' && c == 'f');
	stop(&f);
}

static void its_end_is_told_by_its_memory(void **state)
{
	struct fixture f = start();
	char byte;

	(void)state;
	assert_int_equal(process_check(f.process, NULL), 0);
	kill(f.pid, SIGKILL);
	child_stop(f.pid);
	assert_int_equal(mem_read(f.mem, PLAIN, &byte, 1), -ESRCH);
	assert_int_equal(process_check(f.process, NULL), -ESRCH);
	f.pid = child_zombie();
	stop(&f);
}

static _Noreturn void exec_after_a_byte(const int *ends)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	char byte;

	if (read(ends[0], &byte, 1) == 1)
		execv("/bin/sleep", (char *const *)argv);
	_exit(1);
}

/* Its number and its start time stay, its memory does not: nothing of the new program is read. */
static void an_exec_is_told_from_the_old_memory(void **state)
{
	struct process *p;
	struct mem *mem;
	int ends[2], done[2];
	pid_t pid;
	uint64_t stack;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		exec_after_a_byte(ends);
	assert_int_equal(process_open(pid, &p, NULL), 0);
	stack = p->start_stack;
	assert_int_equal(process_seal(p, false, NULL), 0);
	assert_int_equal(mem_sealed_open(p, &mem), 0);
	assert_int_equal(mem_read(mem, stack, &byte, 1), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	/* The exec closes its end, and the old memory is gone before. */
	close(done[1]);
	assert_int_equal(read(done[0], &byte, 1), 0);
	assert_true(sealed_memory_gone(p->sealed));
	close(done[0]);
	assert_int_equal(mem_read(mem, stack, &byte, 1), -ESRCH);
	assert_int_equal(process_check(p, NULL), -ESTALE);
	mem_close(mem);
	process_close(p);
	child_stop(pid);
}

static void links_and_threads_are_known_as_they_were(void **state)
{
	struct fixture f = start();
	char *text, protocol[PROCFILE_PROTOCOL];

	(void)state;
	assert_int_equal(sealed_link(f.process->sealed, PIPE_FD, &text), 0);
	assert_int_equal(strncmp(text, "pipe:[", 6), 0);
	free(text);
	assert_int_equal(sealed_link(f.process->sealed, 0, &text), 0);
	free(text);
	assert_int_equal(sealed_link(f.process->sealed, 1000, &text), -ENOENT);
	assert_int_equal(sealed_protocol(f.process->sealed, SOCKET_FD, protocol), 0);
	assert_int_equal(strncmp(protocol, "UNIX", 4), 0);
	assert_int_equal(sealed_protocol(f.process->sealed, PIPE_FD, protocol), -ENODATA);
	assert_int_equal(sealed_syscall(f.process->sealed, f.pid, &text), 0);
	free(text);
	assert_int_equal(sealed_syscall(f.process->sealed, 1, &text), -ESRCH);
	stop(&f);
}

static void files_are_read_from_their_beginning_each_time(void **state)
{
	struct fixture f = start();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct maps *maps;
		int fd;

		assert_int_equal(maps_read(f.process, &maps, NULL), 0);
		assert_non_null(maps_find(maps, OF_FILE));
		fd = maps_open_file(f.process, maps_find(maps, OF_FILE), NULL);
		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(maps_open_file(f.process, maps_find(maps, PLAIN), NULL), -ENOENT);
		maps_free(maps);
		fd = process_open_exe(f.process, NULL);
		assert_true(fd >= 0);
		close(fd);
	}
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_memory_is_read_up_to_its_end),
		cmocka_unit_test(pages_of_a_file_are_read_and_not_fetched),
		cmocka_unit_test(many_pieces_have_an_answer_each),
		cmocka_unit_test(its_end_is_told_by_its_memory),
		cmocka_unit_test(an_exec_is_told_from_the_old_memory),
		cmocka_unit_test(links_and_threads_are_known_as_they_were),
		cmocka_unit_test(files_are_read_from_their_beginning_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
