// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import "C"
import "runtime/cgo"

//go:noinline
func withC() {
	h, id := start()
	cgo.NewHandle(h)
	alive("cgo-handle", id, nil)
	lost("cgo-handle")
}
