/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts as people write them, on a command line or in a file. Each: 0, or -EINVAL with the
 * reason.
 */
#pragma once

#include <stdint.h>

#include "base/diag.h"

/* Seconds: "90", "90s", "500ms", "5m", "2h", "1d"; more than 0 and at most a year. */
int quantity_duration(const char *text, double *ret_s, struct diag *d);

/* "1", "0.5", "2%"; more than 0 and at most 100. */
int quantity_percent(const char *text, double *ret, struct diag *d);

/* Bytes: "65536", "512K", "128M", "1.5G", of 1024; at least one and at most 1 TiB. */
int quantity_bytes(const char *text, uint64_t *ret, struct diag *d);

/* Digits alone, from min to max. */
int quantity_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct diag *d);
