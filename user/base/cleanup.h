/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound ownership: CLEANUP(fn) frees on every way out, TAKE() hands over. */
#pragma once

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Evaluates to the pointer and clears the variable, so that its CLEANUP does nothing. */
#define TAKE(p)                            \
	__extension__({                    \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                \
		taken_;                    \
	})

/* Manufactures NAME_p(), the function that CLEANUP() wants, out of a NAME() that accepts NULL. */
#define DEFINE_CLEANUP(type, name)               \
	static inline void name##_p(type **p)    \
	{                                        \
		if (*p)                          \
			name(*p);                \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
