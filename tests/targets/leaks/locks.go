// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
)

// The words of the wait in all releases.
const (
	onMutex  = "semacquire|sync.Mutex.Lock"
	onReader = "semacquire|sync.RWMutex.RLock"
	onWriter = "semacquire|sync.RWMutex.Lock"
	// The second writer waits for the first one's mutex.
	onWriters = "semacquire|sync.RWMutex.Lock|sync.Mutex.Lock"
	onGroup   = "semacquire|sync.WaitGroup.Wait"
	onCond    = "sync.Cond.Wait"
)

// Each has a pointer, or else a small lock shares its 16 bytes with other objects.
type account struct {
	owner *string
	mu    sync.Mutex
	rw    sync.RWMutex
	all   sync.WaitGroup
	cents int
}

func newAccount() *account {
	name := "owner"
	return &account{owner: &name}
}

//go:noinline
func (a *account) deposit(s *spot) {
	s.enter()
	a.mu.Lock()
	a.cents++
	a.mu.Unlock()
}

//go:noinline
func (a *account) balance(s *spot) int {
	s.enter()
	a.rw.RLock()
	defer a.rw.RUnlock()
	return a.cents
}

//go:noinline
func (a *account) set(s *spot, cents int) {
	s.enter()
	a.rw.Lock()
	defer a.rw.Unlock()
	a.cents = cents
}

type cache struct {
	entries map[string]int
	sync.Mutex
}

//go:noinline
func (c *cache) get(s *spot, key string) int {
	s.enter()
	c.Lock()
	defer c.Unlock()
	return c.entries[key]
}

// transfer takes two locks, each of two of them in another order.
//
//go:noinline
func transfer(s *spot, from, to *account, met *sync.WaitGroup) {
	from.mu.Lock()
	met.Done()
	met.Wait()
	s.enter()
	to.mu.Lock()
	to.cents++
	to.mu.Unlock()
	from.mu.Unlock()
}

//go:noinline
func twice(s *spot) {
	a := newAccount()
	a.mu.Lock()
	s.enter()
	a.mu.Lock()
}

func spawnLocks() {
	s := leak("mutex-never-unlocked", "mutex/dropped", 4, onMutex)
	for i := 0; i < 4; i++ {
		a := newAccount()
		a.mu.Lock()
		go a.deposit(s)
	}
	s = leak("mutex-never-unlocked", "mutex/three of one", 3, onMutex)
	a := newAccount()
	a.mu.Lock()
	for i := 0; i < 3; i++ {
		go a.deposit(s)
	}
	s = leak("mutex-never-unlocked", "mutex/embedded", 2, onMutex)
	for i := 0; i < 2; i++ {
		c := &cache{entries: map[string]int{}}
		c.Lock()
		go c.get(s, "x")
	}
	s = leak("mutex-never-unlocked", "mutex/twice", 3, onMutex)
	for i := 0; i < 3; i++ {
		go twice(s)
	}
	s = leak("mutex-never-unlocked", "mutex/two orders", 4, onMutex)
	for i := 0; i < 2; i++ {
		a, b := newAccount(), newAccount()
		met := &sync.WaitGroup{}
		met.Add(2)
		go transfer(s, a, b, met)
		go transfer(s, b, a, met)
	}
	spawnRWLocks()
	spawnOnce()
}

func spawnRWLocks() {
	s := leak("mutex-never-unlocked", "rwmutex/readers", 4, onReader)
	for i := 0; i < 2; i++ {
		a := newAccount()
		a.rw.Lock()
		go a.balance(s)
		go a.balance(s)
	}
	s = leak("mutex-never-unlocked", "rwmutex/writer", 3, onWriter)
	for i := 0; i < 3; i++ {
		a := newAccount()
		a.rw.RLock()
		go a.set(s, i)
	}
	s = leak("mutex-never-unlocked", "rwmutex/writers behind a writer", 2, onWriters)
	a := newAccount()
	a.rw.Lock()
	go a.set(s, 1)
	go a.set(s, 2)
}

// spawnOnce: the first caller waits for ever, and the second for the first.
func spawnOnce() {
	inner := leak("orphan-recv", "once/first", 2, "chan receive")
	outer := leak("mutex-never-unlocked", "once/second", 2, onMutex)
	for i := 0; i < 2; i++ {
		type lazy struct {
			once sync.Once
			ch   chan int
		}
		l, in := &lazy{ch: make(chan int)}, make(chan bool)
		go l.once.Do(func() {
			inner.enter()
			close(in)
			<-l.ch
		})
		<-in
		go func() {
			outer.enter()
			l.once.Do(func() {})
		}()
	}
}

//go:noinline
func (a *account) await(s *spot) {
	s.enter()
	a.all.Wait()
}

type gate struct {
	cond *sync.Cond
	open bool
}

func newGate() *gate { return &gate{cond: sync.NewCond(&sync.Mutex{})} }

//go:noinline
func (g *gate) pass(s *spot) {
	g.cond.L.Lock()
	s.enter()
	for !g.open {
		g.cond.Wait()
	}
	g.cond.L.Unlock()
}

func spawnWaiters() {
	s := leak("waitgroup-never-done", "waitgroup/method", 4, onGroup)
	for i := 0; i < 4; i++ {
		a := newAccount()
		a.all.Add(2)
		a.all.Done()
		go a.await(s)
	}
	s = leak("waitgroup-never-done", "waitgroup/three of one", 3, onGroup)
	a := newAccount()
	a.all.Add(1)
	for i := 0; i < 3; i++ {
		go a.await(s)
	}
	// A worker of the group leaks, and whoever waits for all with it.
	s = leak("waitgroup-never-done", "waitgroup/of a leak", 2, onGroup)
	worker := leak("orphan-send", "waitgroup/the leak", 2, "chan send")
	for i := 0; i < 2; i++ {
		a, ch := newAccount(), make(chan int)
		a.all.Add(1)
		go func() {
			defer a.all.Done()
			sendOne(worker, ch)
		}()
		go a.await(s)
	}
	s = leak("cond-never-signalled", "cond/one", 4, onCond)
	for i := 0; i < 4; i++ {
		go newGate().pass(s)
	}
	s = leak("cond-never-signalled", "cond/three of one", 3, onCond)
	g := newGate()
	for i := 0; i < 3; i++ {
		go g.pass(s)
	}
	s = leak("cond-never-signalled", "cond/of a lock for reading", 2, onCond)
	for i := 0; i < 2; i++ {
		g := &gate{cond: sync.NewCond((&sync.RWMutex{}).RLocker())}
		go g.pass(s)
	}
}

// spawnBusyLocks: who has the lock sleeps, and will give it back.
func spawnBusyLocks() {
	s := healthy("mutex/the holder sleeps", 3, onMutex)
	for i := 0; i < 3; i++ {
		a, has := newAccount(), make(chan bool)
		go func() {
			a.mu.Lock()
			close(has)
			time.Sleep(time.Hour)
			a.mu.Unlock()
		}()
		<-has
		go a.deposit(s)
	}
	s = healthy("waitgroup/the last one sleeps", 3, onGroup)
	for i := 0; i < 3; i++ {
		a := newAccount()
		a.all.Add(1)
		go func() {
			defer a.all.Done()
			time.Sleep(time.Hour)
		}()
		go a.await(s)
	}
	s = healthy("cond/signalled later", 3, onCond)
	for i := 0; i < 3; i++ {
		g := newGate()
		go func() {
			time.Sleep(time.Hour)
			g.cond.Broadcast()
		}()
		go g.pass(s)
	}
}
