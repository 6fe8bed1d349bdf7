/* SPDX-License-Identifier: Apache-2.0 */
/* How often something happens, judged by what was seen in a part of the time. */
#pragma once

struct rate {
	double per_s, low, high;	/* low and high: 95 % of the time the truth is between */
	double seen;		/* share of the time that was looked at; 0: nothing is known */
};
