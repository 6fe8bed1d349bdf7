// SPDX-License-Identifier: Apache-2.0

package main

import (
	"syscall"
	"unsafe"
)

func pointer(t *syscall.Timespec) unsafe.Pointer { return unsafe.Pointer(t) }
