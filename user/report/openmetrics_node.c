// SPDX-License-Identifier: Apache-2.0
/* What metrics say of the node as a whole, and of loiter itself. */
#include "report/openmetrics_families.h"

static void put(struct metric_text *m, double value)
{
	metric_put(m, NULL, 0, value);
}

static void put_for(struct metric_text *m, const char *name, const char *word, double value)
{
	const struct metric_label label = { name, word };

	metric_put(m, &label, 1, value);
}

/* A row's function from what it writes. */
#define WRITES(name, ...)                                                                      \
	static void name(struct metric_text *m, const struct openmetrics_book *b,               \
			 const struct node_self *self)                                          \
	{                                                                                       \
		(void)b;                                                                        \
		(void)self;                                                                     \
		__VA_ARGS__                                                                     \
	}

/* The same for what a look says: before the first one it is not known. */
#define LOOKED(name, ...) WRITES(name, if (b->looks) { __VA_ARGS__ })

/* --- The node --- */

LOOKED(node_looks, put(m, (double)b->looks);)
LOOKED(last_look, put(m, (double)b->look.time.tv_sec + (double)b->look.time.tv_nsec / 1e9);)
LOOKED(next_look, put(m, b->look.next_s);)
LOOKED(node_starts, put(m, (double)b->began);)
LOOKED(node_ends, put(m, (double)b->ended);)
LOOKED(unreadable, put(m, b->look.unreadable);)
LOOKED(stuck, put(m, b->look.stuck);)
WRITES(left_out, put(m, (double)self->left_out);)
LOOKED(blind, if (b->look.futex.on || b->blind) put(m, (double)b->blind);)
LOOKED(probe_cores, if (b->look.overhead.target_cpu >= 0) put(m, b->look.overhead.target_cpu);)

WRITES(lost,
	put_for(m, "source", "discovery", (double)self->discovery_lost);
	put_for(m, "source", "tracing", (double)self->trace_lost);
)

LOOKED(collector_up,
	put_for(m, "collector", "discovery", self->discovers);
	if (b->look.futex.asked)
		put_for(m, "collector", "futex", b->look.futex.on);
)

/* --- Loiter --- */

static void build_info(struct metric_text *m, const struct openmetrics_book *b,
		       const struct node_self *self)
{
	const struct metric_label labels[] = { { "version", self->version },
					       { "node", self->node } };

	(void)b;
	metric_put(m, labels, ARRAY_SIZE(labels), 1);
}

WRITES(interval, if (self->interval_s > 0) put(m, self->interval_s);)
WRITES(budget, if (self->budget_percent > 0) put(m, self->budget_percent / 100);)
WRITES(memory_max, if (self->memory_max_bytes) put(m, (double)self->memory_max_bytes);)
WRITES(cells, put(m, (double)self->cells_run);)
WRITES(cells_failed, put(m, (double)self->cells_failed);)
WRITES(cells_killed, put(m, (double)self->cells_killed);)
WRITES(requests, put(m, (double)self->http_requests);)
WRITES(refused, put(m, (double)self->http_refused);)
WRITES(failed, put(m, (double)self->http_failed);)
WRITES(otlp_sent, if (self->otlp) put(m, (double)self->otlp_sent);)
WRITES(otlp_failed, if (self->otlp) put(m, (double)self->otlp_failed);)
WRITES(otlp_dropped, if (self->otlp) put(m, (double)self->otlp_dropped);)
WRITES(state_saved, if (self->state) put(m, (double)self->state_saved);)
WRITES(state_failed, if (self->state) put(m, (double)self->state_failed);)
WRITES(reloads, put(m, (double)self->reloads);)
WRITES(reloads_failed, put(m, (double)self->reloads_failed);)
LOOKED(cpu, put(m, b->cpu_s);)
WRITES(resident, if (b->look.overhead.rss_bytes) put(m, (double)b->look.overhead.rss_bytes);)
WRITES(started, if (self->start_time_s > 0) put(m, self->start_time_s);)
WRITES(fds, if (self->fds) put(m, self->fds);)

/* --- What these metrics leave out --- */

WRITES(targets, {
	uint32_t n = 0;

	for (uint32_t i = BOOK_OTHER + 1; i < b->n; i++)
		n += b->targets[i].label[LABEL_EXE] != NULL;
	put(m, n);
})
WRITES(targets_max, put(m, b->n - 1);)
LOOKED(folded, put(m, b->folded);)
/* Up to here: they are the last two. */
WRITES(series, put(m, (double)m->series + 2);)
WRITES(dropped, put(m, (double)m->dropped);)

const struct node_family node_families[] = {
	{ { "loiter_build_info", METRIC_INFO, "This loiter, and the machine that it runs on." },
	  "version node", build_info },
	{ { "loiter_node_looks_total", METRIC_COUNTER, "Looks at the node." }, "", node_looks },
	{ { "loiter_last_look_timestamp_seconds", METRIC_GAUGE, "When the last one began." },
	  "", last_look },
	{ { "loiter_next_look_seconds", METRIC_GAUGE,
	    "Time from it to the next one, so that looking keeps to the budget." }, "", next_look },
	{ { "loiter_interval_seconds", METRIC_GAUGE, "Time between two looks that was asked for." },
	  "", interval },
	{ { "loiter_node_process_starts_total", METRIC_COUNTER, "Processes that began." },
	  "", node_starts },
	{ { "loiter_node_process_ends_total", METRIC_COUNTER, "Processes that ended." },
	  "", node_ends },
	{ { "loiter_unreadable_processes", METRIC_GAUGE,
	    "Processes of which no more than a line of /proc may be read." }, "", unreadable },
	{ { "loiter_stuck_processes", METRIC_GAUGE,
	    "Processes at which a look has not come to its end." }, "", stuck },
	{ { "loiter_left_out_processes", METRIC_GAUGE, "Processes beyond the cap of processes." },
	  "", left_out },
	{ { "loiter_lost_events_total", METRIC_COUNTER, "Events that found no room." },
	  "source", lost },
	{ { "loiter_lock_blind_sleeps_total", METRIC_COUNTER,
	    "Sleeps for locks that could not be followed." }, "", blind },
	{ { "loiter_collector_up", METRIC_GAUGE, "Is what was asked for on?" },
	  "collector", collector_up },
	{ { "loiter_budget_cores", METRIC_GAUGE, "CPU that all of loiter may use." },
	  "", budget },
	{ { "loiter_probe_cores", METRIC_GAUGE,
	    "CPU that tracing costs the processes themselves." }, "", probe_cores },
	{ { "loiter_memory_max_bytes", METRIC_GAUGE, "Memory that loiter may take." },
	  "", memory_max },
	{ { "loiter_cells_total", METRIC_COUNTER, "Children in which a process was examined." },
	  "", cells },
	{ { "loiter_cells_failed_total", METRIC_COUNTER, "Of these, those without a result." },
	  "", cells_failed },
	{ { "loiter_cells_killed_total", METRIC_COUNTER, "Of these, those that met a limit." },
	  "", cells_killed },
	{ { "loiter_http_requests_total", METRIC_COUNTER, "Requests." }, "", requests },
	{ { "loiter_http_refused_total", METRIC_COUNTER, "Requests answered with 4xx." },
	  "", refused },
	{ { "loiter_http_failed_total", METRIC_COUNTER, "Requests answered with 5xx." },
	  "", failed },
	{ { "loiter_otlp_sent_total", METRIC_COUNTER, "Requests that an OTLP collector took." },
	  "", otlp_sent },
	{ { "loiter_otlp_failed_total", METRIC_COUNTER, "Requests that it did not take." },
	  "", otlp_failed },
	{ { "loiter_otlp_dropped_total", METRIC_COUNTER, "Requests given up after all retries." },
	  "", otlp_dropped },
	{ { "loiter_state_saved_total", METRIC_COUNTER, "Times that the state file was written." },
	  "", state_saved },
	{ { "loiter_state_failed_total", METRIC_COUNTER, "Times that it could not be written." },
	  "", state_failed },
	{ { "loiter_reloads_total", METRIC_COUNTER,
	    "Times that the configuration was read again." }, "", reloads },
	{ { "loiter_reloads_failed_total", METRIC_COUNTER,
	    "Of these, those that left the old one in place." }, "", reloads_failed },
	{ { "process_cpu_seconds_total", METRIC_COUNTER, "CPU time that loiter has used." },
	  "", cpu },
	{ { "process_resident_memory_bytes", METRIC_GAUGE, "Memory that loiter has." },
	  "", resident },
	{ { "process_start_time_seconds", METRIC_GAUGE, "When loiter began." }, "", started },
	{ { "process_open_fds", METRIC_GAUGE, "Descriptors that loiter has open." }, "", fds },
	{ { "loiter_targets", METRIC_GAUGE, "Names of processes that are told apart." },
	  "", targets },
	{ { "loiter_targets_max", METRIC_GAUGE, "The most that there can be." }, "", targets_max },
	{ { "loiter_folded_processes", METRIC_GAUGE,
	    "Processes that are in other because there were no more names." }, "", folded },
	{ { "loiter_series", METRIC_GAUGE, "Series in this answer." }, "", series },
	{ { "loiter_dropped_series", METRIC_GAUGE,
	    "Series for which this answer had no room." }, "", dropped },
};
const size_t n_node_families = ARRAY_SIZE(node_families);
