// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

/*
#include <unistd.h>

extern int goWaits(int);

static void c_pause(void)
{
	for (;;)
		pause();
}

static int c_calls_go(int n)
{
	return goWaits(n) + 1;
}
*/
import "C"

import "sync"

// inC blocks a thread in C.
func inC(g *group) {
	g.enter(nothing)
	C.c_pause()
}

var (
	calls   = map[int]*server{}
	callsMu sync.Mutex
)

// viaC waits in Go below a C function.
func viaC(n int) { C.c_calls_go(C.int(n)) }

func spawnCgo() {
	g := newGroup("in C", "main._Cfunc_c_pause", 3, "syscall")
	for i := 0; i < 3; i++ {
		go inC(g)
	}
	g = newGroup("Go below C", "main.goWaits", 2, "chan receive")
	g.Locked = true
	for i := 0; i < 2; i++ {
		callsMu.Lock()
		calls[i] = &server{g, make(chan int)}
		callsMu.Unlock()
		go viaC(i)
	}
}
