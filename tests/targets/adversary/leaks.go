// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
)

const leaks = 300

// What a leak holds besides.
type load struct {
	text [96]byte
	next *load
}

// Starts the 300, each of which nobody can wake; returns their ids.
func leakAll() []uint64 {
	ids := make(chan uint64)
	all := make([]uint64, 0, leaks)
	for k := 0; len(all) < leaks; k++ {
		// Whoever made it is gone, and its stack with it.
		made := make(chan int)
		go func(k int) { made <- leakOne(k, leaks-len(all) > 1, ids) }(k)
		for n := <-made; n > 0; n-- {
			all = append(all, <-ids)
		}
	}
	return all[:len(all):len(all)]
}

//go:noinline
func leakOne(k int, two bool, ids chan<- uint64) int {
	l := &load{next: &load{}}
	c, d := make(chan *load), make(chan *load, 2)
	switch k % 10 {
	case 0:
		go leakSend(c, l, ids)
	case 1:
		go leakRecv(c, l, ids)
	case 2:
		go leakRange(d, l, ids)
	case 3:
		go leakSelect(c, d, l, ids)
	case 4:
		go leakMutex(new(sync.Mutex), l, ids)
	case 5:
		go leakGroup(new(sync.WaitGroup), l, ids)
	case 6:
		go leakCond(sync.NewCond(new(sync.Mutex)), l, ids)
	case 7:
		go leakFull(d, l, ids)
	case 8:
		// Each holds what the other one waits on.
		if !two {
			go leakRecv(c, l, ids)
			return 1
		}
		go leakHolding(c, d, ids)
		go leakHolding(d, c, ids)
		return 2
	default:
		ctx, cancel := context.WithCancel(context.Background())
		go leakContext(ctx, cancel, l, ids)
	}
	return 1
}

//go:noinline
func leakSend(c chan *load, l *load, ids chan<- uint64) {
	ids <- goid()
	c <- l
}

//go:noinline
func leakRecv(c chan *load, l *load, ids chan<- uint64) {
	ids <- goid()
	l.next = <-c
}

//go:noinline
func leakRange(c chan *load, l *load, ids chan<- uint64) {
	ids <- goid()
	for n := range c {
		l.next = n
	}
}

//go:noinline
func leakSelect(c, d chan *load, l *load, ids chan<- uint64) {
	ids <- goid()
	select {
	case c <- l:
	case l.next = <-d:
	}
}

//go:noinline
func leakMutex(m *sync.Mutex, l *load, ids chan<- uint64) {
	ids <- goid()
	m.Lock()
	m.Lock()
	l.next = nil
}

//go:noinline
func leakGroup(g *sync.WaitGroup, l *load, ids chan<- uint64) {
	g.Add(1)
	ids <- goid()
	g.Wait()
	l.next = nil
}

//go:noinline
func leakCond(c *sync.Cond, l *load, ids chan<- uint64) {
	c.L.Lock()
	ids <- goid()
	for l.next != nil {
		c.Wait()
	}
}

//go:noinline
func leakFull(c chan *load, l *load, ids chan<- uint64) {
	ids <- goid()
	for {
		c <- l
	}
}

//go:noinline
func leakHolding(c, d chan *load, ids chan<- uint64) {
	ids <- goid()
	l := <-c
	d <- l
}

//go:noinline
func leakContext(ctx context.Context, cancel func(), l *load, ids chan<- uint64) {
	ids <- goid()
	<-ctx.Done()
	cancel()
	l.next = nil
}
