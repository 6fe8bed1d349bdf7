// SPDX-License-Identifier: Apache-2.0

//go:build cgo
// +build cgo

package main

// #include <stdlib.h>
import "C"

// touchC has C take part: threads get their stacks from it.
func touchC() { C.free(C.malloc(1 << 20)) }
