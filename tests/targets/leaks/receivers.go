// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

//go:noinline
func recvOne(s *spot, ch <-chan int) int {
	s.enter()
	return <-ch
}

//go:noinline
func recvDone(s *spot, done chan struct{}) {
	s.enter()
	<-done
}

//go:noinline
func recvOK(s *spot, ch chan result) bool {
	s.enter()
	_, ok := <-ch
	return ok
}

//go:noinline
func recvGeneric[T any](s *spot, ch <-chan T) T {
	s.enter()
	return <-ch
}

type future struct {
	name  string
	ready chan struct{}
	value result
}

//go:noinline
func (f *future) get(s *spot) result {
	s.enter()
	<-f.ready
	return f.value
}

// drain ranges over a channel that has `before` values.
//
//go:noinline
func drain(s *spot, ch <-chan int, before int) (sum int) {
	for v := range ch {
		sum += v
		if before--; before == 0 {
			s.enter()
		}
	}
	return sum
}

type batch struct {
	name  string
	items chan result
}

//go:noinline
func (b *batch) drain(s *spot, before int) (sum int) {
	for r := range b.items {
		sum += r.code
		if before--; before == 0 {
			s.enter()
		}
	}
	return sum
}

func spawnReceivers() {
	s := leak("orphan-recv", "recv/function", 5, "chan receive")
	for i := 0; i < 5; i++ {
		go recvOne(s, make(chan int))
	}
	s = leak("orphan-recv", "recv/done", 4, "chan receive")
	for i := 0; i < 4; i++ {
		go recvDone(s, make(chan struct{}))
	}
	s = leak("orphan-recv", "recv/ok, struct", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go recvOK(s, make(chan result))
	}
	s = leak("orphan-recv", "recv/buffered", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go recvOne(s, make(chan int, 4))
	}
	s = leak("orphan-recv", "recv/generic", 4, "chan receive")
	for i := 0; i < 2; i++ {
		go recvGeneric(s, make(chan []byte))
		go recvGeneric(s, make(chan func() int))
	}
	s = leak("orphan-recv", "recv/method", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go (&future{name: "a", ready: make(chan struct{})}).get(s)
	}
	s = leak("orphan-recv", "recv/two on one", 2, "chan receive")
	ch := make(chan struct{})
	go recvDone(s, ch)
	go recvDone(s, ch)
	spawnClosures()
	spawnOddReceivers()
	spawnRanges()
}

func spawnClosures() {
	s := leak("orphan-recv", "recv/closure", 3, "chan receive")
	for i := 0; i < 3; i++ {
		ch := make(chan error)
		go func() {
			s.enter()
			if err := <-ch; err != nil {
				panic(err)
			}
		}()
	}
}

func spawnOddReceivers() {
	// A timer that was stopped never fires, but up to Go 1.22 a heap of timers still has it.
	stopped := leak("orphan-recv", "recv/stopped timer", 3, "chan receive")
	stopped.Hidden = true
	for i := 0; i < 3; i++ {
		go func() {
			t := time.NewTimer(time.Hour)
			t.Stop()
			stopped.enter()
			<-t.C
		}()
	}
	// A context whose cancel function is lost.
	lost := leak("orphan-recv", "recv/lost context", 3, "chan receive")
	for i := 0; i < 3; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		keepNothing(cancel)
		go func() {
			lost.enter()
			<-ctx.Done()
		}()
	}
	// The two wait for each other.
	s := leak("orphan-recv", "recv/each other", 4, "chan receive")
	for i := 0; i < 2; i++ {
		a, b := make(chan int), make(chan int)
		swap := func(from, to chan int) {
			s.enter()
			to <- <-from
		}
		go swap(a, b)
		go swap(b, a)
	}
}

// keepNothing is a use that go vet and the compiler accept.
//
//go:noinline
func keepNothing(interface{}) {}

func spawnRanges() {
	s := leak("range-unclosed", "range/unbuffered", 4, "chan receive")
	for i := 0; i < 4; i++ {
		ch := make(chan int)
		go drain(s, ch, 3)
		for j := 0; j < 3; j++ {
			ch <- j
		}
	}
	s = leak("range-unclosed", "range/buffered", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go drain(s, full[int](5), 5)
	}
	s = leak("range-unclosed", "range/method", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go (&batch{"a", full[result](2)}).drain(s, 2)
	}
	inClosure := leak("range-unclosed", "range/closure", 3, "chan receive")
	for i := 0; i < 3; i++ {
		ch := make(chan string)
		go func() {
			for range ch {
				inClosure.enter()
			}
		}()
		ch <- "x"
	}
}
