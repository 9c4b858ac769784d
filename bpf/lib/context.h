/* CTX_READ reads a field of a program's context and pins the load to its place. Without it clang
 * merges the loads of two branches into one through a computed pointer, which the verifier
 * refuses ("dereference of modified ctx ptr", all kernels); inline assembly is never merged.
 * SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 */
#pragma once

#define CTX_READ(field)                                                                            \
	({                                                                                         \
		__typeof__(field) value_ = (field);                                                \
		asm volatile("" : "+r"(value_));                                                   \
		value_;                                                                            \
	})
