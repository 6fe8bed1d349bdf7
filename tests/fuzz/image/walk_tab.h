/* SPDX-License-Identifier: Apache-2.0 */
/* Asks an opened pclntab everything that it can be asked, about addresses all over it. */
#pragma once

#include "image/pclntab.h"

void walk_tab(struct pclntab *t, uint64_t text, uint64_t etext);
