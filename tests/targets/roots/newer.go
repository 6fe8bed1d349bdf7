// SPDX-License-Identifier: Apache-2.0

//go:build go1.24

package main

import (
	"runtime"
	"unsafe"
	"weak"
)

var weakly weak.Pointer[holder]

//go:noinline
func newer() {
	pinned()
	h, id := start()
	runtime.AddCleanup(new(holder), func(ch chan int) { close(ch) }, h.ch)
	alive("cleanup", id, nil)
	lost("cleanup")

	h, id = start()
	c := runtime.AddCleanup(h, func(int) {}, 1)
	c.Stop()
	dead("cleanup-gone", id, unsafe.Pointer(h))

	// The object of a cleanup is not kept by it.
	h, id = start()
	runtime.AddCleanup(h, func(int) {}, 1)
	dead("cleanup-object", id, unsafe.Pointer(h))

	h, id = start()
	weakly = weak.Make(h)
	alive("weak", id, unsafe.Pointer(h))
	lost("weak")
}

// Cleanups whose turn never comes, as in queued().
//
//go:noinline
func newerQueued() {
	stuck := make(chan bool)
	runtime.AddCleanup(new(holder), func(int) {
		stuck <- true
		<-forever
	}, 1)
	before := runtime.GOMAXPROCS(1)
	runtime.GC()
	if waitsForCleanups {
		<-stuck
	}
	makeQueuedCleanup()
	runtime.GC()
	runtime.GC()
	runtime.GOMAXPROCS(before)
}

//go:noinline
func makeQueuedCleanup() {
	h, id := start()
	ch := h.ch
	runtime.AddCleanup(new(holder), func(int) { close(ch) }, 1)
	alive("cleanup-queue", id, nil)
}
