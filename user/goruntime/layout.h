/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fields of the Go runtime's structs stand, by release. The table is made by
 * scripts/gen-go-layouts out of real toolchains' DWARF; a binary of a release that the table lacks
 * brings its own, when it has DWARF. LAYOUT_FIELDS is the one list: the struct, the table, the
 * generator and the DWARF reader are all made from it. A field's source is the Go type it names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

/*
 * F(name, Go type, member, first minor release that has it, last one that has it or 99)
 * A member may be two alternatives, "elem.vu|elem" (the first that is there). NULL: the size.
 *
 * Go 1.21: runtime._type became internal/abi.Type, with exported fields.
 * Go 1.23: channels fed by a timer point to it (hchan.timer); g.sleepWhen says how long a sleep
 * lasts, where g.timer.when did; a timer that time.Sleep has stopped using stays in g.timer.
 * Go 1.24: profiler labels are a slice, not a map: runtime.hmap is needed no more.
 * Go 1.26: sudog.elem and sudog.c are maybeTraceablePtr, two words; `vu` is the source of truth and
 * `vp` is cleared while the leak detector must not follow it (runtime2.go). What the vector registers
 * of a goroutine held that was stopped anywhere stands off its stack (preempt_xreg.go).
 */
#define LAYOUT_FIELDS(F)                                                    \
	F(g_size, "runtime.g", NULL, 18, 99)                                \
	F(g_stack_lo, "runtime.g", "stack.lo", 18, 99)                      \
	F(g_stack_hi, "runtime.g", "stack.hi", 18, 99)                      \
	F(g_m, "runtime.g", "m", 18, 99)                                    \
	F(g_panic, "runtime.g", "_panic", 18, 99)                           \
	F(g_defer, "runtime.g", "_defer", 18, 99)                           \
	F(g_sched_sp, "runtime.g", "sched.sp", 18, 99)                      \
	F(g_sched_pc, "runtime.g", "sched.pc", 18, 99)                      \
	F(g_sched_bp, "runtime.g", "sched.bp", 18, 99)                      \
	F(g_syscallsp, "runtime.g", "syscallsp", 18, 99)                    \
	F(g_syscallpc, "runtime.g", "syscallpc", 18, 99)                    \
	F(g_param, "runtime.g", "param", 18, 99)                            \
	F(g_status, "runtime.g", "atomicstatus", 18, 99)                    \
	F(g_goid, "runtime.g", "goid", 18, 99)                              \
	F(g_waitsince, "runtime.g", "waitsince", 18, 99)                    \
	F(g_waitreason, "runtime.g", "waitreason", 18, 99)                  \
	F(g_tracking, "runtime.g", "tracking", 18, 99)                      \
	F(g_tracking_seq, "runtime.g", "trackingSeq", 18, 99)               \
	F(g_tracking_stamp, "runtime.g", "trackingStamp", 20, 99)           \
	F(g_lockedm, "runtime.g", "lockedm", 18, 99)                        \
	F(g_running_cleanups, "runtime.g", "runningCleanups", 25, 99)       \
	F(g_parent_goid, "runtime.g", "parentGoid", 21, 99)                 \
	F(g_gopc, "runtime.g", "gopc", 18, 99)                              \
	F(g_startpc, "runtime.g", "startpc", 18, 99)                        \
	F(g_waiting, "runtime.g", "waiting", 18, 99)                        \
	F(g_labels, "runtime.g", "labels", 18, 99)                          \
	F(g_timer, "runtime.g", "timer", 18, 99)                            \
	F(g_sleep_when, "runtime.g", "sleepWhen", 23, 99)                   \
	F(g_xregs, "runtime.g", "xRegs.state", 26, 99)                      \
	F(xregs_size, "runtime.xRegState", NULL, 26, 99)                    \
	F(defer_fn, "runtime._defer", "fn", 18, 99)                         \
	F(defer_link, "runtime._defer", "link", 18, 99)                     \
	F(m_g0, "runtime.m", "g0", 18, 99)                                  \
	F(m_procid, "runtime.m", "procid", 18, 99)                          \
	F(m_curg, "runtime.m", "curg", 18, 99)                              \
	F(m_incgo, "runtime.m", "incgo", 18, 99)                            \
	F(m_alllink, "runtime.m", "alllink", 18, 99)                        \
	F(m_syscalltick, "runtime.m", "syscalltick", 18, 99)                \
	F(sudog_size, "runtime.sudog", NULL, 18, 99)                        \
	F(sudog_g, "runtime.sudog", "g", 18, 99)                            \
	F(sudog_next, "runtime.sudog", "next", 18, 99)                      \
	F(sudog_prev, "runtime.sudog", "prev", 18, 99)                      \
	F(sudog_elem, "runtime.sudog", "elem.vu|elem", 18, 99)              \
	F(sudog_ticket, "runtime.sudog", "ticket", 18, 99)                  \
	F(sudog_is_select, "runtime.sudog", "isSelect", 18, 99)             \
	F(sudog_waiters, "runtime.sudog", "waiters", 22, 99)                \
	F(sudog_parent, "runtime.sudog", "parent", 18, 99)                  \
	F(sudog_waitlink, "runtime.sudog", "waitlink", 18, 99)              \
	F(sudog_waittail, "runtime.sudog", "waittail", 18, 99)              \
	F(sudog_c, "runtime.sudog", "c.vu|c", 18, 99)                       \
	F(hchan_size, "runtime.hchan", NULL, 18, 99)                        \
	F(hchan_qcount, "runtime.hchan", "qcount", 18, 99)                  \
	F(hchan_dataqsiz, "runtime.hchan", "dataqsiz", 18, 99)              \
	F(hchan_closed, "runtime.hchan", "closed", 18, 99)                  \
	F(hchan_timer, "runtime.hchan", "timer", 23, 99)                    \
	F(hchan_elemtype, "runtime.hchan", "elemtype", 18, 99)              \
	F(hchan_recvq_first, "runtime.hchan", "recvq.first", 18, 99)        \
	F(hchan_sendq_first, "runtime.hchan", "sendq.first", 18, 99)        \
	F(timer_when, "runtime.timer", "when", 18, 99)                      \
	F(timer_period, "runtime.timer", "period", 18, 99)                  \
	F(notify_wait, "runtime.notifyList", "wait", 18, 99)                \
	F(notify_notify, "runtime.notifyList", "notify", 18, 99)            \
	F(notify_head, "runtime.notifyList", "head", 18, 99)                \
	F(polldesc_size, "runtime.pollDesc", NULL, 18, 99)                  \
	F(polldesc_fd, "runtime.pollDesc", "fd", 18, 99)                    \
	F(polldesc_rg, "runtime.pollDesc", "rg", 18, 99)                    \
	F(polldesc_wg, "runtime.pollDesc", "wg", 18, 99)                    \
	F(polldesc_rd, "runtime.pollDesc", "rd", 18, 99)                    \
	F(polldesc_wd, "runtime.pollDesc", "wd", 18, 99)                    \
	F(type_tflag, "internal/abi.Type|runtime._type", "TFlag|tflag", 18, 99) \
	F(type_str, "internal/abi.Type|runtime._type", "Str|str", 18, 99)   \
	F(hmap_count, "runtime.hmap", "count", 18, 23)                      \
	F(hmap_b, "runtime.hmap", "B", 18, 23)                              \
	F(hmap_buckets, "runtime.hmap", "buckets", 18, 23)                  \
	F(hmap_oldbuckets, "runtime.hmap", "oldbuckets", 18, 23)            \
	F(mstats_last_gc, "runtime.mstats", "last_gc_nanotime", 18, 99)     \
	F(module_size, "runtime.moduledata", NULL, 18, 99)                  \
	F(module_types, "runtime.moduledata", "types", 18, 99)              \
	F(module_etypes, "runtime.moduledata", "etypes", 18, 99)            \
	F(module_rodata, "runtime.moduledata", "rodata", 18, 99)            \
	F(module_gofunc, "runtime.moduledata", "gofunc", 18, 99)            \
	F(module_next, "runtime.moduledata", "next", 18, 99)

struct go_layout {
	int minor;		/* the release it was made for */
	const char *source;	/* "table" or "dwarf" */
#define LAYOUT_MEMBER(name, type, member, from, to) int32_t name;
	LAYOUT_FIELDS(LAYOUT_MEMBER)	/* bytes; -1: this release or binary has no such thing */
#undef LAYOUT_MEMBER
};

/*
 * The layout of Go 1.minor from the table. -EOPNOTSUPP when the table has no such release; the
 * diag names the releases that it has. Patch releases do change layouts (runtime.timer grew in
 * Go 1.23.3, runtime.m in 1.23.12 and 1.24.6), so the table has a row for each layout of a minor
 * release, and this takes the newest one that is not newer.
 */
int layout_lookup(int minor, int patch, struct go_layout *ret, struct diag *d);

/*
 * The layout by the DWARF of the binary itself. -ENODATA no DWARF or a needed field is missing;
 * -EBADMSG, -EFBIG as dwarf_members(). A type whose users were not linked in is not needed: its
 * fields are -1, and nobody can wait on one.
 */
int layout_from_dwarf(int fd, int minor, struct go_layout *ret, struct diag *d);
/* Is it one that a program may do without ("runtime.pollDesc")? */
bool layout_type_optional(const char *type);

/* The first and last minor release in the table. */
void layout_range(int *first, int *last);
