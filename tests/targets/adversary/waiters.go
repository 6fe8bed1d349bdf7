// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// What alone can wake a waiter: the object itself that it waits on, and nothing around it.
type waker interface{ wake(n int64) }

type (
	recvWaker   chan int64
	sendWaker   chan int64
	rangeWaker  chan int64
	selectWaker chan int64
	muWaker     sync.Mutex
	rwWaker     sync.RWMutex
	wgWaker     sync.WaitGroup
	condWaker   sync.Cond
)

func (c recvWaker) wake(n int64)   { c <- n }
func (c sendWaker) wake(n int64)   { <-c; c <- n }
func (c rangeWaker) wake(n int64)  { c <- n; close(c) }
func (c selectWaker) wake(n int64) { c <- n }

// These have no place for a number: it is told beforehand, by the address.
var numbers sync.Map

func (m *muWaker) wake(n int64) { numbers.Store(keyOf(m), n); (*sync.Mutex)(m).Unlock() }
func (m *rwWaker) wake(n int64) { numbers.Store(keyOf(m), n); (*sync.RWMutex)(m).Unlock() }
func (g *wgWaker) wake(n int64) { numbers.Store(keyOf(g), n); (*sync.WaitGroup)(g).Done() }
func (c *condWaker) wake(n int64) {
	cond := (*sync.Cond)(c)
	cond.L.Lock()
	numbers.Store(keyOf(c), n)
	cond.L.Unlock()
	cond.Broadcast()
}

func take(key uintptr) int64 {
	n, found := numbers.LoadAndDelete(key)
	if !found {
		return -1
	}
	return n.(int64)
}

func startWaiter(w *way, kind int) waker {
	switch kind % 8 {
	case 0:
		c := make(chan int64)
		go waitRecv(w, c)
		return recvWaker(c)
	case 1:
		c := make(chan int64)
		go waitSend(w, c)
		return sendWaker(c)
	case 2:
		c := make(chan int64)
		go waitRange(w, c)
		return rangeWaker(c)
	case 3:
		c := make(chan int64)
		go waitSelect(w, c, make(chan int64))
		return selectWaker(c)
	case 4:
		m := new(sync.Mutex)
		m.Lock()
		go waitMutex(w, m)
		return (*muWaker)(m)
	case 5:
		m := new(sync.RWMutex)
		m.Lock()
		go waitRW(w, m)
		return (*rwWaker)(m)
	case 6:
		g := new(sync.WaitGroup)
		g.Add(1)
		go waitGroup(w, g)
		return (*wgWaker)(g)
	}
	c := sync.NewCond(new(sync.Mutex))
	go waitCond(w, c)
	return (*condWaker)(c)
}

//go:noinline
func waitRecv(w *way, c chan int64) {
	waiting.Store(goid(), w.name)
	w.done(<-c)
}

//go:noinline
func waitSend(w *way, c chan int64) {
	waiting.Store(goid(), w.name)
	c <- 0
	w.done(<-c)
}

//go:noinline
func waitRange(w *way, c chan int64) {
	var sum int64
	waiting.Store(goid(), w.name)
	for n := range c {
		sum += n
	}
	w.done(sum)
}

//go:noinline
func waitSelect(w *way, a, b chan int64) {
	waiting.Store(goid(), w.name)
	select {
	case n := <-a:
		w.done(n)
	case n := <-b:
		w.done(n)
	}
}

//go:noinline
func waitMutex(w *way, m *sync.Mutex) {
	waiting.Store(goid(), w.name)
	m.Lock()
	w.done(take(keyOf((*muWaker)(m))))
}

//go:noinline
func waitRW(w *way, m *sync.RWMutex) {
	waiting.Store(goid(), w.name)
	m.RLock()
	w.done(take(keyOf((*rwWaker)(m))))
}

//go:noinline
func waitGroup(w *way, g *sync.WaitGroup) {
	waiting.Store(goid(), w.name)
	g.Wait()
	w.done(take(keyOf((*wgWaker)(g))))
}

//go:noinline
func waitCond(w *way, c *sync.Cond) {
	key := keyOf((*condWaker)(c))
	waiting.Store(goid(), w.name)
	c.L.Lock()
	for {
		if n, found := numbers.LoadAndDelete(key); found {
			c.L.Unlock()
			w.done(n.(int64))
			return
		}
		c.Wait()
	}
}
