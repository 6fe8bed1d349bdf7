// SPDX-License-Identifier: Apache-2.0

//go:build go1.21

package main

import (
	"runtime"
	"unsafe"
)

// pinned keeps an object by a Pinner that is dropped; twice, for the counter of the second pin is a
// record of the object's own.
//
//go:noinline
func pinned() {
	h, id := start()
	p := new(runtime.Pinner)
	p.Pin(h)
	p.Pin(h)
	alive("pinner", id, unsafe.Pointer(h))
	lost("pinner")
}
