// SPDX-License-Identifier: Apache-2.0

//go:build go1.24

package main

import (
	"runtime"
	"time"
	"weak"
)

func init() {
	ways = append(ways, &way{name: "cleanups", move: moveCleanups},
		&way{name: "weak", move: moveWeak})
}

func moveCleanups(w *way) {
	for _, r := range w.some() {
		cleanUp(w, r)
	}
}

// The argument of a cleanup holds it until the object is collected.
//
//go:noinline
func cleanUp(w *way, r waker) {
	v := &item{0, nil}
	runtime.AddCleanup(v, func(h *holder) { go func() { cleanUp(w, w.step(h.r)) }() },
		&holder{r})
}

type weakly struct {
	c   chan int64
	pad [8]uintptr
}

// Only the waiter's own stack holds what it waits on, and a weak pointer knows where that is.
func moveWeak(w *way) {
	for i := 0; i < *perWay; i++ {
		go func() {
			for {
				p := weakWaiter(w)
				for k := 0; k < 100; k++ {
					w.rest()
					time.Sleep(time.Millisecond)
				}
				w.wakeWeak(p)
			}
		}()
	}
}

func (w *way) wakeWeak(p weak.Pointer[weakly]) {
	w.countWake(7)
	p.Value().c <- 7
}

//go:noinline
func weakWaiter(w *way) weak.Pointer[weakly] {
	v := &weakly{c: make(chan int64)}
	ready := make(chan struct{})
	go func() {
		waiting.Store(goid(), w.name)
		close(ready)
		n := <-v.c
		v.pad[0] = 1
		w.done(n)
		runtime.KeepAlive(v)
	}()
	<-ready
	return weak.Make(v)
}
