// SPDX-License-Identifier: Apache-2.0
/* Real probes on this very program; without root it skips itself. */
#include "../unit.h"

#include <unistd.h>

#include "trace/calibrate.h"
#include "trace/uprobes.h"

static void a_hit_has_a_cost(void **state)
{
	struct diag d = DIAG_INIT;
	struct calibration c;
	int r;

	(void)state;
	if (geteuid() != 0)
		skip();
	r = calibrate((uint32_t)getpid(), &c, &d);
	if (r < 0)
		fail_msg("%s", d.why);
	print_message("multi %d, threads %d: trampoline %.0f ns, emulated %.0f ns, stepped %.0f ns\n",
		      c.multi, c.pid_covers_threads, c.hit_ns[SITE_TRAMPOLINE],
		      c.hit_ns[SITE_EMULATED], c.hit_ns[SITE_STEPPED]);
	assert_int_equal(c.multi, uprobes_have_multi());
	/* A trap is never cheaper than this, on no machine; what is measured is the trap. */
	assert_true(c.hit_ns[SITE_EMULATED] > 50);
	assert_int_equal(c.hit_ns[SITE_TRAMPOLINE] > 0, site_nops());
	if (c.multi)
		assert_true(c.hit_ns[SITE_STEPPED] > c.hit_ns[SITE_EMULATED]);
}

static void programs_time_is_read_from_the_kernel(void **state)
{
	uint64_t ns = 1, runs = 1;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	fd = calibrate_programs_start();
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(calibrate_programs_read(NULL, 0, &ns, &runs), 0);
	assert_int_equal(ns, 0);
	assert_int_equal(runs, 0);
	fd = -1;
	assert_true(calibrate_programs_read(&fd, 1, &ns, &runs) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_has_a_cost),
		cmocka_unit_test(programs_time_is_read_from_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
