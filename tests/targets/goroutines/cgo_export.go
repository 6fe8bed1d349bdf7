// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import "C"

//export goWaits
func goWaits(n C.int) C.int {
	callsMu.Lock()
	s := calls[int(n)]
	callsMu.Unlock()
	s.g.enter(recvObj(s.ch))
	return C.int(<-s.ch)
}
