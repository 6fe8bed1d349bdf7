// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

//go:noinline
func selectTwo(s *spot, a chan int, b chan struct{}) int {
	s.enter()
	select {
	case v := <-a:
		return v
	case <-b:
		return 0
	}
}

//go:noinline
func selectMixed(s *spot, in chan result, out chan<- int, stop chan struct{}) bool {
	s.enter()
	select {
	case r := <-in:
		return r.code == 0
	case out <- 5:
		return true
	case <-stop:
		return false
	}
}

//go:noinline
func selectMany(s *spot, all [8]chan int) (v int) {
	s.enter()
	select {
	case v = <-all[0]:
	case v = <-all[1]:
	case v = <-all[2]:
	case all[3] <- 1:
	case all[4] <- 1:
	case v = <-all[5]:
	case v = <-all[6]:
	case v = <-all[7]:
	}
	return v
}

type pump struct {
	name     string
	in, out  chan result
	finished chan struct{}
}

//go:noinline
func (p *pump) run(s *spot) {
	s.enter()
	for {
		select {
		case r := <-p.in:
			p.name += "."
			p.out <- r
		case <-p.finished:
			return
		}
	}
}

//go:noinline
func selectContext(ctx context.Context, s *spot, ch chan int) int {
	s.enter()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		return 0
	}
}

//go:noinline
func selectTime(s *spot, ch chan int, t <-chan time.Time) int {
	s.enter()
	select {
	case v := <-ch:
		return v
	case <-t:
		return 0
	}
}

func eight() (all [8]chan int) {
	for i := range all {
		all[i] = make(chan int)
	}
	return all
}

func spawnSelects() {
	s := leak("select-orphan", "select/two", 4, "select")
	for i := 0; i < 4; i++ {
		go selectTwo(s, make(chan int), make(chan struct{}))
	}
	s = leak("select-orphan", "select/one of them nil", 2, "select")
	for i := 0; i < 2; i++ {
		go selectTwo(s, nil, make(chan struct{}))
	}
	s = leak("select-orphan", "select/mixed", 3, "select")
	for i := 0; i < 3; i++ {
		go selectMixed(s, make(chan result), full[int](2), make(chan struct{}))
	}
	s = leak("select-orphan", "select/eight", 3, "select")
	for i := 0; i < 3; i++ {
		go selectMany(s, eight())
	}
	s = leak("select-orphan|orphan-worker", "select/method", 3, "select")
	for i := 0; i < 3; i++ {
		p := &pump{"p", make(chan result), make(chan result), make(chan struct{})}
		go p.run(s)
	}
	s = leak("select-orphan", "select/lost context", 3, "select")
	for i := 0; i < 3; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		keepNothing(cancel)
		go selectContext(ctx, s, make(chan int))
	}
	s = leak("select-orphan", "select/stopped timer", 2, "select")
	s.Hidden = true
	for i := 0; i < 2; i++ {
		t := time.NewTimer(time.Hour)
		t.Stop()
		go selectTime(s, make(chan int), t.C)
	}
	loop := leak("select-orphan", "select/closure in a loop", 2, "select")
	for i := 0; i < 2; i++ {
		a, b := make(chan int), make(chan string)
		go func() {
			loop.enter()
			for {
				select {
				case <-a:
				case b <- "x":
				}
			}
		}()
	}
}

// spawnLiveSelects: all channels are dead but one.
func spawnLiveSelects() {
	s := healthy("select/timer", 3, "select")
	for i := 0; i < 3; i++ {
		go selectTime(s, make(chan int), time.After(time.Hour))
	}
	s = healthy("select/ticker", 2, "select")
	for i := 0; i < 2; i++ {
		go selectTime(s, nil, time.NewTicker(time.Hour).C)
	}
	s = healthy("select/deadline", 3, "select")
	for i := 0; i < 3; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		keepNothing(cancel)
		go selectContext(ctx, s, make(chan int))
	}
	s = healthy("select/child of a deadline", 2, "select")
	for i := 0; i < 2; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		keepNothing(cancel)
		ctx, cancel = context.WithCancel(context.WithValue(ctx, s, i))
		keepNothing(cancel)
		go selectContext(ctx, s, make(chan int))
	}
	for i, hold := range holders {
		s = healthy("select/"+hold.name, 4, "select")
		stop := make(chan struct{})
		hold.keep(stop)
		go selectTwo(s, make(chan int), stop)
		go selectMixed(s, make(chan result), make(chan int), stop)
		all := eight()
		hold.keep(all[i%8])
		go selectMany(s, all)
		p := &pump{"p", make(chan result), make(chan result), stop}
		go p.run(s)
	}
}
