/* SPDX-License-Identifier: Apache-2.0 */
/* What the pages have in common. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "model/node.h"
#include "report/page.h"
#include "report/page_spark.h"

/* From the doctype to the link that skips to #main. */
void page_begin(const char *title, FILE *out);
/* The script, and the end. */
void page_end(FILE *out);

/* The bar at the top of the page: who this is. home: where the node's page is, or NULL: here. */
void page_brand(const struct page_options *o, const char *home, FILE *out);
/* <time>: "2026-07-31 09:24:50 UTC". */
void page_time(const struct timespec *t, FILE *out);
/* Begins a <section> under a heading, which others refer to by its id. */
void page_section(const char *id, const char *title, FILE *out);
/* The heads of a table's columns, between its caption and its rows. */
struct page_column {
	const char *title;
	bool number;	/* stands at the right */
};
void page_columns(const struct page_column *all, size_t n, FILE *out);
/* A verdict as a word in its colour. */
void page_badge(enum verdict v, FILE *out);

/*
 * Name, value, picture and rate of a figure. text: its value in words, or NULL; t: its trend, or
 * NULL unknown.
 */
void page_figure(enum page_figure what, const char *text, const struct trend *t,
		 const struct node_history *h, FILE *out);
/* "+240 a minute"; "" where it stands, or too little is known. buf has WORDS_CELL bytes. */
const char *page_rate(enum page_figure what, const struct trend *t, char *buf);

/* A row of <dl class="facts">; what the format makes is text, and escaped as a whole. */
void page_fact(FILE *out, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
