// SPDX-License-Identifier: Apache-2.0
#include "collect/trace_go.h"

#include "goruntime/goruntime.h"
#include "model/traced_oncpu.h"
#include "trace/target.h"

/*
 * Where Go's own linker puts the word (cmd/link, computeTLSOffset). Another linker may have put
 * more thread-local variables beside it: bpf/goid.bpf.h checks it against R14 and finds it then.
 */
enum { USUAL_TLS_OFFSET = -8 };

void trace_go_describe(const struct go_runtime *rt, struct ev_go *ret)
{
	const struct go_layout *l = &rt->layout;

	*ret = (struct ev_go){
		.text = rt->md.text,
		.etext = rt->md.etext,
		.tls_off = USUAL_TLS_OFFSET,
		.g_stack_lo = l->g_stack_lo,
		.g_stack_hi = l->g_stack_hi,
		.g_m = l->g_m,
		.g_goid = l->g_goid,
		.g_waitreason = l->g_waitreason,
		.g_parent_goid = l->g_parent_goid,
		.g_gopc = l->g_gopc,
		.g_startpc = l->g_startpc,
		.g_sched_sp = l->g_sched_sp,
		.g_sched_pc = l->g_sched_pc,
		.g_sched_bp = l->g_sched_bp,
		.g_tracking_seq = l->g_tracking_seq,
		.m_g0 = l->m_g0,
		.m_curg = l->m_curg,
		.m_procid = l->m_procid,
	};
}

/* Of each pc that is kept, as trace_go_stack() wants to know it. */
struct place {
	bool no_frame;	/* nothing pushed: the return address is what the stack pointer points at */
	bool top;	/* the first function of a stack */
};

static struct place place_of(struct go_runtime *rt, uint64_t pc, bool exact)
{
	struct place place = { 0 };
	struct func f;
	int32_t delta;

	if (pclntab_find(rt->tab, exact ? pc : pc - 1, &f) < 0)
		return place;
	place.top = f.kind == FUNC_TOP || f.kind == FUNC_GOEXIT;
	place.no_frame = exact && pclntab_sp_delta(rt->tab, &f, pc, &delta) == 0 && delta == 0;
	return place;
}

size_t trace_go_stack(struct go_runtime *rt, const struct traced_oncpu_site *s, uint64_t *pcs,
		      size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_pcs && n < max; i++) {
		struct place place = place_of(rt, s->pcs[i], i == 0);

		pcs[n++] = s->pcs[i];
		if (place.no_frame && s->at_sp && n < max)
			pcs[n++] = s->at_sp;
		/*
		 * Go 1.18: mcall leaves the frame pointer of the goroutine that it has left, and
		 * the scheduler's stack seems to go on in that one's.
		 */
		if (place.top)
			break;
	}
	return n;
}
