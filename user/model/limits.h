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
/* Deferred calls of one goroutine that are followed: a defer in a loop makes one a round. */
#define LIMIT_DEFERS (1u << 16)
/* Inlining depth of one pc; the compiler's own limit is far below. */
#define LIMIT_INLINE_DEPTH 64
/* Goroutines named a group in sample_ids (the JSON contract). */
#define LIMIT_SAMPLES 10
/* Distinct groups kept; a program has some thousands of go statements at most. */
#define LIMIT_GROUPS (1u << 20)
/* Modules in one process: the executable, c-shared libraries' own runtimes, plugins. */
#define LIMIT_MODULES 64
/* Bytes of one value in a JSON file of somebody else's: a group with all its frames has fewer. */
#define LIMIT_JSON_VALUE (16u << 20)
/* Values inside it, for json-c takes hundreds of bytes for each; and how deep they may lie. */
#define LIMIT_JSON_VALUES (1u << 18)
#define LIMIT_JSON_DEPTH 32
/* What is kept of a saved snapshot: its goroutines, its sites, and numbers with a name. */
#define LIMIT_SAVED_GOROUTINES (1u << 24)
#define LIMIT_SAVED_SITES (1u << 20)
#define LIMIT_SAVED_NUMBERS (1u << 16)
/* A number in it, of bytes or anything: what is more is none, and sums of two are in range. */
#define LIMIT_SAVED_VALUE (1ll << 60)
/* Bytes of one file that are read whole (symbol tables, DWARF): larger is left out and said. */
#define LIMIT_FILE_BYTES (2ull << 30)
/* Files whose code is on one process's stacks: each takes a descriptor of ours. */
#define LIMIT_NATIVE_MODULES 256
/* Frames of one C stack: as Go's; recursion past this adds no evidence. */
#define LIMIT_C_FRAMES 128
/* Bytes of one C stack that are copied to walk it. */
#define LIMIT_C_STACK_BYTES (64u << 10)
/* Of a process that is sealed: files that are opened ahead, those with code first; */
#define LIMIT_SEALED_FILES 320
/* descriptors of its own whose links are read ahead, and threads whose system calls are. */
#define LIMIT_SEALED_LINKS (1u << 16)
#define LIMIT_SEALED_THREADS (1u << 14)
/* Threads of one process whose waits are looked at; the count of all is still told. */
#define LIMIT_LOCK_WAITS 4096
/* Of those that wait for one lock: what one of them does, the others do as well. */
#define LIMIT_LOCK_SAMPLE 16
/* Types of heap objects whose pointers are looked up, and the bytes of their masks. */
#define LIMIT_TYPES (1u << 20)
#define LIMIT_TYPE_BITS (64ull << 20)
/* Processes that a node keeps: 4 KiB each, and no machine is run with more; the rest is counted. */
#define LIMIT_NODE_PROCESSES 4096
/* Of these, whose goroutines are followed: each takes some descriptors and 100 KiB or more. */
#define LIMIT_NODE_WATCHED 1024
/* A file of what a node knew: 2 KiB for each of its processes. */
#define LIMIT_STATE_BYTES (16u << 20)
/* Sites of one process that are kept in it: those that grow. */
#define LIMIT_STATE_SITES 16
/* Bytes of the pointer mask of a binary's variables: of 4 GiB of them. */
#define LIMIT_VARIABLE_BITS (64ull << 20)
/* Memory of ours that the question who retains the heap may take. */
#define LIMIT_GRAPH_BYTES (1ull << 30)
/* Variables of one binary that are told apart by name. */
#define LIMIT_VARIABLES (1u << 20)
/* Roots that are told apart: variables, sites of goroutines. Those beyond are one. */
#define LIMIT_ROOTS (1u << 20)
/* Buckets of a heap profile that are kept, and the bytes of their stacks: servers have 10,000s. */
#define LIMIT_HEAP_SITES (1u << 17)
#define LIMIT_HEAP_SITE_BYTES (24u << 20)
/* Different return addresses in it that are looked up; a large program has some 10,000. */
#define LIMIT_HEAP_PCS (1u << 18)
/* Objects whose type is looked up, for a program without a heap profile: of more, a sample. */
#define LIMIT_HEAP_TYPED (1u << 18)
/* Address space whose pages are looked at one by one where the kernel cannot pass over holes. */
#define LIMIT_PAGEMAP_BYTES (64ull << 30)
/* Threads whose stacks are looked for in the ledger; stacks of others are anonymous mappings. */
#define LIMIT_STACKS 16384
/* Spans of a Go heap: 64 GiB of the smallest ones, for which we take 900 MiB. */
#define LIMIT_GO_SPANS (1u << 23)
/* Chunks of 4 MiB that Go's page allocator knows: 4 TiB. */
#define LIMIT_GO_CHUNKS (1u << 20)
/* Arenas of 64 MiB of a Go heap: 4 TiB. */
#define LIMIT_GO_ARENAS (1u << 16)
/* Ranges of memory that one Go runtime has: 64 GiB of which each second page is another's. */
#define LIMIT_GO_RANGES (1u << 22)
/* Specials (finalizers, weak handles ...) of one Go heap: three for each of 8 million objects. */
#define LIMIT_GO_SPECIALS (1u << 24)
/* Of one span: what is read of its list in one go. */
#define LIMIT_SPAN_SPECIALS (1u << 20)
/* Threads of one Go runtime: the kernel's own default for all processes is less. */
#define LIMIT_GO_THREADS (1u << 17)
/* Processors of one Go runtime: more than the kernel can number CPUs of. */
#define LIMIT_GO_PROCESSORS (1u << 14)
/* Timers in the heaps of one Go runtime: 200 bytes each, of a machine with 1 TiB. */
#define LIMIT_GO_TIMERS (1ull << 32)
/* Of these, so many are all looked at; of more, a sample. */
#define LIMIT_TIMERS_WHOLE (1u << 15)
#define LIMIT_TIMERS_SAMPLE (1u << 13)
/* Bytes of a C thread's stack that may hold pointers of Go's, and of all such stacks. */
#define LIMIT_G0_STACK_BYTES (256u << 10)
#define LIMIT_G0_STACKS_BYTES (256u << 20)
/* Bytes of variables of plugins. */
#define LIMIT_MODULE_BYTES (256u << 20)
/* Blocks of 64 or 256 KiB in the lists of the Go runtime's own memory: 16 GiB. */
#define LIMIT_GO_BLOCKS (1u << 18)
/* Arenas of one C heap: eight a processor, unless the program asks for more. */
#define LIMIT_C_ARENAS 16384
/* Pieces of memory that one C heap's arenas have taken: 64 MiB each, or less. */
#define LIMIT_C_HEAPS (1u << 18)
/* Pieces of a C heap whose place is kept, 24 bytes each; then sums by page. */
#define LIMIT_C_RANGES (1u << 19)
/* Bytes of a C heap that are read to see every chunk: some tenths of a second. */
#define LIMIT_C_WALK_BYTES (1ull << 30)
/* A C heap up to this is walked at once; a larger one if its free chunks are too many to follow. */
#define LIMIT_C_SMALL_HEAP (64ull << 20)
/* Free chunks of a C heap that are followed from one to the next, in bins and in fastbins. */
#define LIMIT_C_LIST_CHUNKS (1u << 16)
#define LIMIT_C_FASTBIN_CHUNKS (1u << 23)
/* Reads of 16 KiB that following fastbins may cost: twice what is walked at most. */
#define LIMIT_C_FASTBIN_READS (1u << 17)
/* Bytes of a program's own data that are searched for the C heap's root. */
#define LIMIT_C_DATA_BYTES (64u << 20)
/* Pages whose first bytes are looked at for a chunk with a mapping of its own. */
#define LIMIT_C_PAGE_STARTS (1u << 18)
/* Goroutines whose stacks are searched for pointers unasked: at a million that takes half a second. */
#define LIMIT_CHEAP_GOROUTINES 200000
/* RSS up to which smaps is read where it is asked for: the process cannot map for some 80 ms. */
#define LIMIT_SMAPS_RSS (2ull << 30)
/* Series in one answer to a scrape: 2 MB, as much as a busy kubelet has; a fleet pays for each. */
#define LIMIT_METRIC_SERIES 10000
/* Targets that metrics tell apart by name: their 24 plain series are 6,000 of those above. */
#define LIMIT_METRIC_TARGETS 250
/* Sites of one target that metrics name: a fleet's ranking looks at the first few of each. */
#define LIMIT_METRIC_SITES 10
/* Wait reasons, states and patterns of one target in metrics: Go's own are 40, a program has 8. */
#define LIMIT_METRIC_WORDS 16
/* Bytes of a label's value in metrics: a function's name with its file; each series repeats it. */
#define LIMIT_METRIC_LABEL 200
/* How long a target of which no process is left stays in metrics: longer than any restart. */
#define LIMIT_METRIC_KEEP_S 3600
