/* SPDX-License-Identifier: Apache-2.0 */
/* The foreman's own work: orders in, cells out. One thread, no memory of its own but a table. */
#pragma once

struct foreman_options;

/* Until the other end of the socket is closed; then 0, and all cells are killed. Else 1. */
int foreman_work(const struct foreman_options *o, int fd);
