// SPDX-License-Identifier: Apache-2.0

//go:build go1.23

package main

import "iter"

func init() { ways = append(ways, &way{name: "coroutines", move: moveCoroutines}) }

// It is on the stack of a coroutine, which no queue knows.
func moveCoroutines(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			for {
				next, stop := iter.Pull(one(w, r))
				r = nil
				next()
				w.rest()
				r, _ = next()
				stop()
			}
		}(r)
	}
}

func one(w *way, r waker) iter.Seq[waker] {
	return func(yield func(waker) bool) {
		yield(nil)
		yield(w.step(r))
	}
}
