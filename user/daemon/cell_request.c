// SPDX-License-Identifier: Apache-2.0
#include "daemon/cell_request.h"

/* The largest processes of the benchmarks (a million goroutines) take a third of it. */
const struct cell_limits cell_limits_default = {
	.memory_bytes = 3ull << 30,
	.answer_bytes = 256ull << 20,
	.cpu_s = 60,
	.deadline_ms = 30000,
};

static uint64_t within(uint64_t asked, uint64_t usual, uint64_t most)
{
	uint64_t v = asked ? asked : usual;

	return most && v > most ? most : v;
}

struct cell_limits cell_limits_within(const struct cell_limits *l, const struct cell_limits *most)
{
	const struct cell_limits *usual = &cell_limits_default;

	return (struct cell_limits){
		.memory_bytes = within(l->memory_bytes, usual->memory_bytes, most->memory_bytes),
		.answer_bytes = within(l->answer_bytes, usual->answer_bytes, most->answer_bytes),
		.cpu_s = (uint32_t)within(l->cpu_s, usual->cpu_s, most->cpu_s),
		.deadline_ms = (uint32_t)within(l->deadline_ms, usual->deadline_ms,
						most->deadline_ms),
	};
}
