/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the page of one process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/node.h"
#include "model/snapshot.h"

/* How it ran, or the slot for that when p is NULL. */
void page_past(const struct node_process *p, FILE *out);
/*
 * A finding whole. kind and i make its id on the page; its site is a link to its group where that
 * is one of the first so many.
 */
void page_finding(const struct finding *f, char kind, uint32_t i, uint32_t groups, FILE *out);
/* A sentence as <li>. */
void page_item(const char *sentence, FILE *out);
/* The groups of goroutines, each with its stack; at most `most` of them. */
void page_groups(const struct snapshot *s, uint32_t most, FILE *out);
/* How many threads, and which groups of goroutines stand on some. */
void page_threads(const struct snapshot *s, FILE *out);
/* Where the memory is: a bar and a table of all parts; who holds the heap. */
void page_memory(const struct snapshot *s, FILE *out);
/* What can be had of this process besides; nothing of one without an identity, as in a core. */
bool page_has_downloads(const struct snapshot *s);
void page_downloads(const struct snapshot *s, FILE *out);
