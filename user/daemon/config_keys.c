// SPDX-License-Identifier: Apache-2.0
/* Every key there is: loiter.conf(5) has a paragraph on each, and scripts/check-man holds it to that. */
#include "daemon/config_values.h"

#define M 1048576.0
#define FIELD(name) .offset = offsetof(struct config, name)

const struct config_key config_keys[] = {
	{ "daemon", "interval", FIELD(interval_s), .parse = config_duration,
	  .fallback = "60s", .min = 0.1, .max = 86400 },
	{ "daemon", "budget", FIELD(budget_percent), .parse = config_percent, .fallback = "1%" },
	{ "daemon", "memory-max", FIELD(memory_max_bytes), .parse = config_bytes,
	  .fallback = "128M", .min = 32 * M, .max = 65536 * M },
	{ "daemon", "processes-max", FIELD(processes_max), .parse = config_count,
	  .fallback = "4096", .min = 1, .max = 1000000, .at_start = true },
	{ "daemon", "cgroup", FIELD(cgroup), .parse = config_words, .at_start = true },
	{ "daemon", "node", FIELD(node), .parse = config_words },
	{ "daemon", "trace-locks", FIELD(trace_locks), .parse = config_yes_or_no,
	  .fallback = "yes", .at_start = true },
	{ "daemon", "state-directory", FIELD(state_dir), .parse = config_path_or_none,
	  .fallback = "/var/lib/loiter", .at_start = true },
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
	  .fallback = "256", .min = 4, .max = 65536, .at_start = true },
	{ "http", "prove", FIELD(prove_max_s), .parse = config_pause,
	  .fallback = "no", .min = 0.001, .max = 10, .at_start = true },
	{ "cells", "at-once", FIELD(cells_max), .parse = config_count,
	  .fallback = "2", .min = 1, .max = 64, .at_start = true },
	{ "cells", "deadline", FIELD(cell_deadline_s), .parse = config_duration,
	  .fallback = "30s", .min = 1, .max = 600, .at_start = true },
	{ "cells", "memory-max", FIELD(cell_memory_bytes), .parse = config_bytes,
	  .fallback = "512M", .min = 64 * M, .max = 65536 * M, .at_start = true },
	{ "metrics", "sites-max", FIELD(sites_max), .parse = config_count,
	  .fallback = "10", .min = 0, .max = 1000 },
	{ "metrics", "series-max", FIELD(series_max), .parse = config_count,
	  .fallback = "20000", .min = 1000, .max = 1000000 },
	{ "otlp", "url", FIELD(otlp_url), .parse = config_url, .at_start = true },
	{ "otlp", "interval", FIELD(otlp_interval_s), .parse = config_duration,
	  .fallback = "60s", .min = 1, .max = 86400, .at_start = true },
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
