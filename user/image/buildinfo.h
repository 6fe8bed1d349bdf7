/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's build information (debug/buildinfo, cmd/link): the toolchain's version, the main module
 * and the build settings. Present since Go 1.18 in inline form, also in stripped binaries.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/span.h"
#include "image/elf.h"

struct buildinfo {
	const char *go_version;	/* "go1.24.9", also "devel ..." and "go1.24.9 X:nocoverageredesign" */
	const char *module;	/* main module path; NULL */
	const char *path;	/* main package path; NULL */
	bool cgo, cgo_known;	/* the CGO_ENABLED setting */
	int minor;		/* 24 of go1.24.9; -1 when it does not read as a release */
	int patch;		/* 9; 0 when none */
};

/* -ENODATA: no Go build information here, so not a Go binary. -EBADMSG: there, but malformed.
 * -EOPNOTSUPP: the pointer form of Go 1.17 and older. */
int buildinfo_read(struct elf_image *e, struct arena *a, struct buildinfo *ret, struct diag *d);

/* The blob itself, from its magic on: the part that is fuzzed. */
int buildinfo_parse(struct span blob, struct arena *a, struct buildinfo *ret, struct diag *d);
/* "go1.24.9 X:foo" -> 24, 9. False when it is not a release of Go 1. */
bool buildinfo_version(const char *go_version, int *minor, int *patch);
