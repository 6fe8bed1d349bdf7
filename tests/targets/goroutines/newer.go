// SPDX-License-Identifier: Apache-2.0

//go:build go1.24

package main

import "runtime"

// cleanedUp parks the goroutine that runs cleanups, which is a user's as long as it runs this.
func cleanedUp(p *finalizable) {
	p.g.enter(recvObj(p.ch))
	<-p.ch
}

//go:noinline
func dropCleanable(g *group) {
	for i := 0; i < 10; i++ {
		p := &[64]int{i}
		if i == 0 {
			runtime.AddCleanup(p, cleanedUp, &finalizable{g, make(chan int)})
		}
	}
}

// spawnNewer: Go 1.24 runs cleanups on the finalizer goroutine, which another group has parked
// already; from Go 1.25 they have goroutines of their own.
func spawnNewer() {
	if !cleanupsApart {
		return
	}
	g := newGroup("cleanup", "main.cleanedUp", 1, "chan receive")
	g.Parent = 0
	dropCleanable(g)
	runtime.GC()
	runtime.GC()
}
