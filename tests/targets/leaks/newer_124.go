// SPDX-License-Identifier: Apache-2.0

//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

var cleaned []*keeper

var newerHolders = []holder{
	{"a cleanup", func(x interface{}) {
		k := &keeper{name: "c"}
		cleaned = append(cleaned, k)
		runtime.AddCleanup(k, func(y interface{}) { keepNothing(y) }, x)
	}},
}

var weakly []weak.Pointer[account]

// spawnNewer: a weak pointer brings back what the wait itself still keeps.
func spawnNewer() {
	s := healthy("mutex/a weak pointer", 3, onMutex)
	for i := 0; i < 3; i++ {
		a := newAccount()
		a.mu.Lock()
		weakly = append(weakly, weak.Make(a))
		go a.deposit(s)
	}
}
