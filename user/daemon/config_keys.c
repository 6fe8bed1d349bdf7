// SPDX-License-Identifier: Apache-2.0
/*
 * Every key there is: loiter.conf(5) has a paragraph on each, and scripts/check-man holds it to
 * that.
 */
#include "daemon/config_values.h"

#define M 1048576.0
#define FIELD(name) .offset = offsetof(struct config, name)

const struct config_key config_keys[] = {
	{ "daemon", "interval", FIELD(interval_s), .parse = config_duration,
	  .fallback = "60s", .min = 0.1, .max = 86400 },
	{ "daemon", "budget", FIELD(budget_percent), .parse = config_percent, .fallback = "1%" },
	{ "daemon", "memory-max", FIELD(memory_max_bytes), .parse = config_bytes,
	  .fallback = "128M", .min = 32 * M, .max = 65536 * M },
	{ "daemon", "cgroup", FIELD(cgroup), .parse = config_text },
	{ "daemon", "node", FIELD(node), .parse = config_text },
	{ "daemon", "trace-locks", FIELD(trace_locks), .parse = config_yes_or_no,
	  .fallback = "yes" },
	{ "daemon", "discover", FIELD(discover), .parse = config_yes_or_no, .fallback = "yes" },
	{ "daemon", "examine", FIELD(examine), .parse = config_yes_or_no, .fallback = "yes" },
	{ "daemon", "state-directory", FIELD(state_dir), .parse = config_path_or_none,
	  .fallback = "/var/lib/loiter" },
	{ "daemon", "log-level", FIELD(log_level), .parse = config_level, .fallback = "info" },
	{ "http", "listen", FIELD(listen), .parse = config_listen,
	  .fallback = "127.0.0.1:9646", .at_start = true },
	{ "http", "token-file", FIELD(token_file), .parse = config_path, .at_start = true },
	{ "http", "tls-certificate", FIELD(tls_certificate), .parse = config_path,
	  .at_start = true },
	{ "http", "tls-key", FIELD(tls_key), .parse = config_path, .at_start = true },
	{ "http", "tls-client-ca", FIELD(tls_client_ca), .parse = config_path, .at_start = true },
	{ "http", "hosts", FIELD(hosts), .parse = config_words, .at_start = true },
	{ "http", "connections-max", FIELD(connections_max), .parse = config_count,
	  .fallback = "2048", .min = 16, .max = 65536, .at_start = true },
	{ "http", "prove", FIELD(prove_max_s), .parse = config_pause,
	  .fallback = "no", .min = 0.001, .max = 10, .at_start = true },
	{ "cells", "at-once", FIELD(cells_max), .parse = config_count,
	  .fallback = "8", .min = 1, .max = 64, .at_start = true },
	{ "cells", "deadline", FIELD(cell_deadline_s), .parse = config_duration,
	  .fallback = "30s", .min = 1, .max = 600, .at_start = true },
	{ "cells", "memory-max", FIELD(cell_memory_bytes), .parse = config_bytes,
	  .fallback = "3G", .min = 64 * M, .max = 65536 * M, .at_start = true },
	{ "metrics", "targets-max", FIELD(targets_max), .parse = config_count,
	  .fallback = "250", .min = 1, .max = 10000, .at_start = true },
	{ "metrics", "series-max", FIELD(series_max), .parse = config_count,
	  .fallback = "10000", .min = 100, .max = 1000000 },
	{ "otlp", "url", FIELD(otlp_url), .parse = config_url, .at_start = true },
	{ "otlp", "interval", FIELD(otlp_interval_s), .parse = config_duration,
	  .fallback = "60s", .min = 1, .max = 86400 },
	{ "otlp", "headers-file", FIELD(otlp_headers_file), .parse = config_path,
	  .at_start = true },
	{ "otlp", "ca-file", FIELD(otlp_ca_file), .parse = config_path, .at_start = true },
	{ 0 },
};

_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS, "room for each key");

void config_dump(FILE *out)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		fprintf(out, "key\t%s\t%s\t%s\t%s\n", k->section, k->name,
			k->fallback ? k->fallback : "", k->at_start ? "start" : "reload");
}
