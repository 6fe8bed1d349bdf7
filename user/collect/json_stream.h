/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one JSON document that somebody else wrote, an object, a value at a time: a million
 * goroutines take no more memory than one. json-c parses the values; here they are only found, and
 * held to what their kind may be: bytes, depth, and how many values there are in one.
 */
#pragma once

#include <stddef.h>

#include <json-c/json.h>

#include "base/diag.h"

enum json_how {
	JSON_PASS,	/* skipped, whatever it is */
	JSON_VALUE,	/* told as one */
	JSON_EACH,	/* an array: told element by element */
	JSON_MEMBERS,	/* an object: its members have rows of their own */
};

/* What to do with a member: those of no row are passed over. */
struct json_row {
	const char *path;	/* "memory.heap_sites"; NULL ends the table, of at most 63 rows */
	enum json_how how;
	/*
	 * v is borrowed, may be NULL for null, and of any type. JSON_MEMBERS: may be NULL, and is
	 * called once, before its members, with none. A negative errno ends it, with the sentence.
	 */
	int (*tell)(void *arg, struct json_object *v, struct diag *d);
};

/*
 * Reads fd to its end. A value of another kind than JSON_EACH and JSON_MEMBERS expect is passed
 * over. -EBADMSG malformed, too large, too deep, a row's member twice, more than one document, or
 * cut off; -EIO; -ENOMEM; what tell() returned.
 */
int json_stream_read(int fd, const struct json_row *rows, void *arg, struct diag *d);
