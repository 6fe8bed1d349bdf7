/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka.h wants these four first. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
