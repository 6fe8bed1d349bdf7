/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every cap on what a target can make us do, each with its reason. A target is hostile until
 * shown otherwise: a cap that is met is reported as such, never silently.
 */
#pragma once

/* More goroutines than a machine with 1 TiB could hold at 2 KiB each: allglen beyond is a lie. */
#define LIMIT_GOROUTINES (1ull << 29)
/* Go itself prints at most 100 frames of a stack; deep recursion past this adds no evidence. */
#define LIMIT_FRAMES 512
/* A goroutine's used stack beyond this is read only at its innermost end. */
#define LIMIT_STACK_BYTES (256u << 10)
/* Longest function, file, type or label name that is kept; the rest is cut. */
#define LIMIT_NAME 4096
/* Cases of one select that are described; the count of all is still told. */
#define LIMIT_SELECT_CASES 64
/* pprof labels of one goroutine that are kept. */
#define LIMIT_LABELS 32
/* Different sets of labels that are kept, and their bytes: some programs label by request. */
#define LIMIT_LABEL_SETS 65536
#define LIMIT_LABEL_BYTES (64u << 20)
/* Waiters that are followed on one queue before the count becomes "at least". */
#define LIMIT_QUEUE (1u << 20)
/* Page reads that all queue walks of one snapshot may cost together. */
#define LIMIT_QUEUE_READS 4096
/* Inlining depth of one pc; the compiler's own limit is far below. */
#define LIMIT_INLINE_DEPTH 64
/* Goroutines named a group in sample_ids (the JSON contract). */
#define LIMIT_SAMPLES 10
/* Distinct groups kept; a program has some thousands of go statements at most. */
#define LIMIT_GROUPS (1u << 20)
/* Modules in one process: the executable, c-shared libraries' own runtimes, plugins. */
#define LIMIT_MODULES 64
/* Bytes of one file that are read whole (symbol tables, DWARF): larger is left out and said. */
#define LIMIT_FILE_BYTES (2ull << 30)
