// SPDX-License-Identifier: Apache-2.0
/* Writes the metrics of a sample: `write_metrics typical|hostile openmetrics|plain`. */
#include <stdio.h>
#include <string.h>

#include "metrics_samples.h"
#include "report/openmetrics.h"

int main(int argc, char **argv)
{
	CLEANUP(openmetrics_book_free_p) struct openmetrics_book *b = openmetrics_book_new(0);
	struct openmetrics_options o = { 0 };
	const struct node_look *look;

	if (argc != 3 || !b)
		return 2;
	o.plain = strcmp(argv[2], "plain") == 0;
	look = strcmp(argv[1], "hostile") == 0 ? metrics_sample_hostile() : metrics_sample();
	if (openmetrics_book_add(b, look) < 0)
		return 1;
	return openmetrics_node(b, &metrics_sample_self, &o, stdout) < 0 || fclose(stdout) != 0;
}
