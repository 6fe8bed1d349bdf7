// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

// #include <unistd.h>
//
// // A signal of the runtime's, to stop a goroutine that is about to be here, ends a pause().
// static void stay(void)
// {
// 	for (;;)
// 		pause();
// }
import "C"

// With cgo there are more:
//
//	cgo		200 goroutines are in a C function that does not return
//	cgopool		healthy: 16 are, as the loops of a library
//	cgoshort	healthy: 100 call C again and again, and are there at almost any time
func init() {
	sites = append(sites,
		site{"cgo", "main.callC", true, "cgo-threads", 0, func() { many(200, callC) }},
		site{"cgopool", "main.loopInC", false, "", 0, func() { many(16, loopInC) }},
		site{"cgoshort", "main.callOften", false, "", 0, func() { many(100, callOften) }})
}

func many(n int, f func()) {
	for i := 0; i < n; i++ {
		go f()
	}
}

//go:noinline
func callC() { C.stay() }

//go:noinline
func loopInC() { C.stay() }

//go:noinline
func callOften() {
	for {
		C.usleep(100000)
	}
}
