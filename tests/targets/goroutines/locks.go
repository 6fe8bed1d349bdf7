// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
	"unsafe"
)

func addr(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }

// word32 is the 32-bit word n words into an object.
func word32(p unsafe.Pointer, n uintptr) *uint64 {
	v := uint64(*(*uint32)(unsafe.Pointer(uintptr(p) + 4*n)))
	return &v
}

func mutexObj(mu *sync.Mutex, waiters int) *Obj {
	p := unsafe.Pointer(mu)
	return &Obj{Kind: "mutex", Addr: addr(p), State: word32(p, 0), Waiters: waiters}
}

// rwObj's state is readerCount, after w (8 bytes), writerSem and readerSem.
func rwObj(mu *sync.RWMutex, forRead bool, waiters int) *Obj {
	p := unsafe.Pointer(mu)
	return &Obj{Kind: "rwmutex", Addr: addr(p), State: word32(p, 4), ForRead: forRead,
		Waiters: waiters}
}

func lockMutex(g *group, mu *sync.Mutex, all int) {
	g.enter(func() *Obj { return mutexObj(mu, all) })
	mu.Lock()
}

// embedsMutex: the mutex is not the first field, the object does not start at its address.
type embedsMutex struct {
	name string
	sync.Mutex
}

func lockEmbedded(g *group, o *embedsMutex, all int) {
	g.enter(func() *Obj { return mutexObj(&o.Mutex, all) })
	o.Lock()
}

func lockRead(g *group, mu *sync.RWMutex, all int) {
	g.enter(func() *Obj { return rwObj(mu, true, all) })
	mu.RLock()
}

func lockWrite(g *group, mu *sync.RWMutex) {
	g.enter(func() *Obj { return rwObj(mu, false, 1) })
	mu.Lock()
}

func waitGroup(g *group, wg *sync.WaitGroup, counter, all int) {
	g.enter(func() *Obj {
		return &Obj{Kind: "waitgroup", Addr: addr(unsafe.Pointer(wg)), Counter: counter,
			Waiters: all}
	})
	wg.Wait()
}

func waitCond(g *group, c *sync.Cond, all int) {
	g.enter(func() *Obj {
		return &Obj{Kind: "cond", Addr: addr(unsafe.Pointer(c)), Waiters: all}
	})
	c.L.Lock()
	c.Wait()
}

// onceSecond waits for the first caller, which never returns.
func onceSecond(g *group, once *sync.Once) {
	g.enter(func() *Obj { return &Obj{Kind: "mutex", Waiters: 2} })
	once.Do(func() {})
}

func onceFirst(g *group, once *sync.Once, in chan bool) {
	ch := make(chan int)
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
	once.Do(func() {
		close(in)
		<-ch
	})
}

func spawnLocks() {
	for i, n := range []int{1, 19} {
		mu := &sync.Mutex{}
		mu.Lock()
		g := newGroup([]string{"mutex, one waiter", "mutex, many waiters"}[i], "main.lockMutex", n,
			"semacquire|sync.Mutex.Lock")
		for j := 0; j < n; j++ {
			go lockMutex(g, mu, n)
		}
	}

	g := newGroup("mutex, embedded", "main.lockEmbedded", 4, "semacquire|sync.Mutex.Lock")
	o := &embedsMutex{}
	o.Lock()
	for i := 0; i < 4; i++ {
		go lockEmbedded(g, o, 4)
	}

	// Readers wait for a writer that holds the lock.
	rw := &sync.RWMutex{}
	rw.Lock()
	g = newGroup("rwmutex, readers", "main.lockRead", 8, "semacquire|sync.RWMutex.RLock")
	for i := 0; i < 8; i++ {
		go lockRead(g, rw, 8)
	}

	// A writer waits for readers that hold the lock.
	rw2 := &sync.RWMutex{}
	rw2.RLock()
	rw2.RLock()
	g = newGroup("rwmutex, writer", "main.lockWrite", 1, "semacquire|sync.RWMutex.Lock")
	go lockWrite(g, rw2)

	g = newGroup("waitgroup", "main.waitGroup", 3, "semacquire|sync.WaitGroup.Wait")
	wg := &sync.WaitGroup{}
	wg.Add(5)
	for i := 0; i < 3; i++ {
		go waitGroup(g, wg, 5, 3)
	}

	g = newGroup("cond", "main.waitCond", 6, "sync.Cond.Wait")
	c := sync.NewCond(&sync.Mutex{})
	for i := 0; i < 6; i++ {
		go waitCond(g, c, 6)
	}

	once, in := &sync.Once{}, make(chan bool)
	g = newGroup("once, first", "main.onceFirst.func2", 1, "chan receive")
	go onceFirst(g, once, in)
	<-in
	g = newGroup("once, others", "main.onceSecond", 2, "semacquire|sync.Mutex.Lock")
	for i := 0; i < 2; i++ {
		go onceSecond(g, once)
	}
}

func sleeper(g *group, d time.Duration) {
	until := time.Now().Add(d).UnixNano()
	g.enter(func() *Obj { return &Obj{Kind: "timer", Until: until} })
	time.Sleep(d)
}

func recvAfter(g *group, d time.Duration) {
	ch, until := time.After(d), time.Now().Add(d).UnixNano()
	g.enter(func() *Obj { return timerObj(ch, until) })
	<-ch
}

func recvTicker(g *group, d time.Duration) {
	t, until := time.NewTicker(d), time.Now().Add(d).UnixNano()
	defer t.Stop()
	g.enter(func() *Obj { return timerObj(t.C, until) })
	<-t.C
}

// fired runs on a goroutine that the runtime's timers made.
func fired(g *group, ch chan uint16) func() {
	return func() {
		g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
		<-ch
	}
}

func spawnTimers() {
	g := newGroup("sleep", "main.sleeper", 10, "sleep")
	for i := 0; i < 10; i++ {
		go sleeper(g, time.Duration(i+1)*time.Hour)
	}
	g = newGroup("recv time.After", "main.recvAfter", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go recvAfter(g, time.Duration(i+1)*time.Hour)
	}
	g = newGroup("recv ticker", "main.recvTicker", 2, "chan receive")
	for i := 0; i < 2; i++ {
		go recvTicker(g, time.Duration(i+1)*time.Hour)
	}
	g = newGroup("AfterFunc", "", 3, "chan receive")
	g.Parent = 0
	for i := 0; i < 3; i++ {
		time.AfterFunc(time.Millisecond, fired(g, make(chan uint16)))
	}
}
