// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// spawnHealthy runs what spawnSenders and the others ran, with each kind of holder.
func spawnHealthy() {
	for _, hold := range append(holders, holder{"one that waits for a pipe", keepByPipe}) {
		spawnHeldChannels(hold)
		spawnHeldLocks(hold)
	}
	spawnDaisies()
	spawnPool()
	spawnServer()
	spawnHTTP()
}

func spawnHeldChannels(hold holder) {
	s := healthy("send/"+hold.name, 3, "chan send")
	ch, results := make(chan int), make(chan result)
	hold.keep(ch)
	go sendOne(s, ch)
	hold.keep(results)
	go sendResult(s, results)
	c := &client{"h", make(chan result)}
	hold.keep(c)
	go c.report(s)

	s = healthy("full/"+hold.name, 3, "chan send")
	ch = full[int](3)
	hold.keep(ch)
	go sendOne(s, ch)
	go sendOne(s, ch)
	ch = make(chan int, 2)
	hold.keep(ch)
	go produce(s, ch, 2)

	s = healthy("recv/"+hold.name, 3, "chan receive")
	done := make(chan struct{})
	hold.keep(done)
	go recvDone(s, done)
	go recvDone(s, done)
	f := &future{name: "h", ready: make(chan struct{})}
	hold.keep(f)
	go f.get(s)

	s = healthy("range/"+hold.name, 2, "chan receive")
	ch = full[int](2)
	hold.keep(ch)
	go drain(s, ch, 2)
	b := &batch{"h", full[result](2)}
	hold.keep(b)
	go b.drain(s, 2)

	s = healthy("worker/"+hold.name, 2, "chan receive")
	hold.keep(newWorker(s))
	hold.keep(newRanger(s))
	hold.keep(newStoppable(healthy("worker with select/"+hold.name, 1, "select")))
}

func spawnHeldLocks(hold holder) {
	s := healthy("mutex/"+hold.name, 2, onMutex)
	a := newAccount()
	a.mu.Lock()
	hold.keep(a)
	go a.deposit(s)
	go a.deposit(s)

	a = newAccount()
	a.rw.RLock()
	hold.keep(a)
	go a.set(healthy("rwmutex writer/"+hold.name, 1, onWriter), 1)

	a = newAccount()
	a.rw.Lock()
	// A pointer into the object keeps all of it.
	hold.keep(&a.rw)
	go a.balance(healthy("rwmutex reader/"+hold.name, 1, onReader))

	a = newAccount()
	a.all.Add(1)
	hold.keep(&a.all)
	go a.await(healthy("waitgroup/"+hold.name, 1, onGroup))

	g := newGate()
	hold.keep(g)
	s = healthy("cond/"+hold.name, 2, onCond)
	go g.pass(s)
	go g.pass(s)
	g = newGate()
	hold.keep(g.cond)
	go g.pass(healthy("cond itself/"+hold.name, 1, onCond))
}

// spawnDaisies: each waits for the next, and the last one's channel has a sleeper.
func spawnDaisies() {
	s := healthy("a long chain", 200, "chan receive")
	ch := make(chan int)
	go sendLater(ch)
	for i := 0; i < 200; i++ {
		from, to := ch, make(chan int, 1)
		go func() {
			s.enter()
			to <- <-from
		}()
		ch = to
	}
}

func sendLater(ch chan int) {
	time.Sleep(time.Hour)
	ch <- 1
}

var (
	queue   = make(chan func(), 8)
	stopped context.Context
	stop    context.CancelFunc
)

// spawnPool: workers without work.
func spawnPool() {
	stopped, stop = context.WithCancel(context.Background())
	pool := healthy("an idle pool", 8, "chan receive")
	for i := 0; i < 8; i++ {
		go func() {
			pool.enter()
			for job := range queue {
				job()
			}
		}()
	}
	dispatcher := healthy("a dispatcher", 3, "select")
	for i := 0; i < 3; i++ {
		go func() {
			dispatcher.enter()
			for {
				select {
				case job := <-queue:
					job()
				case <-stopped.Done():
					return
				}
			}
		}()
	}
	children := healthy("children of a live context", 3, "chan receive")
	for i := 0; i < 3; i++ {
		ctx, cancel := context.WithCancel(stopped)
		keepNothing(cancel)
		go func() {
			children.enter()
			<-ctx.Done()
		}()
	}
	forSignal := healthy("for a signal", 1, "chan receive")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		forSignal.enter()
		<-signals
	}()
	forTick := healthy("for a tick", 2, "chan receive")
	for i := 0; i < 2; i++ {
		go func() {
			forTick.enter()
			for range time.NewTicker(time.Hour).C {
			}
		}()
	}
	forTimer := healthy("for a reset timer", 2, "chan receive")
	for i := 0; i < 2; i++ {
		go func() {
			t := time.NewTimer(time.Hour)
			t.Stop()
			t.Reset(2 * time.Hour)
			forTimer.enter()
			<-t.C
		}()
	}
}

// spawnServer: a connection's writer waits for what its reader will get from the socket.
func spawnServer() {
	s := healthy("a connection's writer", 4, "chan receive")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				panic(err)
			}
			out := make(chan []byte)
			go func() {
				b := make([]byte, 512)
				for {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					out <- b[:n]
				}
			}()
			go func() {
				s.enter()
				for b := range out {
					c.Write(b)
				}
			}()
		}
	}()
	for i := 0; i < 4; i++ {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			panic(err)
		}
		shelf = append(shelf, c)
	}
}
