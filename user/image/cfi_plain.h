/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a .eh_frame libdw may be shown. libdw trusts what it runs: the number of a register
 * sizes its table of them (elfutils 0.188: 2 GiB for one instruction of eight bytes), and each
 * DW_CFA_remember_state copies that table. So every entry is looked through before libdw sees it.
 */
#pragma once

#include <stddef.h>

/*
 * The length of the longest run of whole entries from the start of `bytes` of which each is plain:
 * of an augmentation and pointer encoding that compilers write for amd64, an FDE with a CIE before
 * it, no register that amd64 does not have, and bounded in length and in the depth of remembered
 * states. It ends before the terminator, and after half a million entries. 0: none.
 */
size_t cfi_plain_bytes(const void *bytes, size_t len);
