/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the page of a node; what they are asked of a process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/node.h"
#include "model/node_self.h"

/*
 * Findings of a process by which something is wrong, the gravest first: its own, and those of the
 * heavier look that are not among these. NULL beyond the last.
 */
const struct finding *page_node_finding(const struct node_process *p, uint32_t i);
/* The gravest of them; VERDICT_OK without. */
enum verdict page_node_worst(const struct node_process *p);

/* <a> to its page, under its name. */
void page_node_link(const struct node_process *p, FILE *out);
/* "unit shop-api.service"; "" unknown. buf has WORDS_CELL bytes: of raw bytes of the target. */
const char *page_node_place(const struct node_process *p, char *buf);

/* One with findings: what is wrong, and how it runs. */
void page_node_card(const struct node_process *p, FILE *out);
/* Those without, a line each, at most `most` of them. */
void page_node_table(const struct node_look *n, uint32_t most, FILE *out);
/* What loiter itself costs, and what it has not seen. */
void page_node_self(const struct node_look *n, const struct node_self *self, FILE *out);
