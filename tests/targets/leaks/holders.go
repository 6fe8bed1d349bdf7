// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A holder keeps what it is given within somebody's reach, each in a way of its own.
type holder struct {
	name string
	keep func(x interface{})
}

type listed struct {
	next *listed
	x    interface{}
}

type keeper struct {
	name string
	x    interface{}
}

func (k *keeper) use() { keepNothing(k.x) }

type contextKey struct{}

var (
	shelf     []interface{}
	byName    = map[string]interface{}{}
	byAny     sync.Map
	chain     *listed
	hooks     []func()
	methods   []func()
	parcels   = make(chan interface{}, 1000)
	doorstep  = make(chan interface{})
	contexts  []context.Context
	finalized []*keeper
	nested    = map[int]map[string][]*[3]interface{}{}
	inArray   [100]struct {
		pad [3]uint64
		x   interface{}
	}
	inArrayUsed int
)

var holders = append([]holder{
	{"a global slice", func(x interface{}) { shelf = append(shelf, x) }},
	{"a global map", func(x interface{}) { byName[time.Now().String()] = x }},
	{"a sync.Map", func(x interface{}) { byAny.Store(x, true) }},
	{"a global list", func(x interface{}) { chain = &listed{chain, x} }},
	{"nested maps", keepNested},
	{"a global array", keepInArray},
	{"a global closure", func(x interface{}) {
		hooks = append(hooks, func() { keepNothing(x) })
	}},
	{"a method value", func(x interface{}) {
		methods = append(methods, (&keeper{"m", x}).use)
	}},
	{"a channel's buffer", func(x interface{}) { parcels <- x }},
	{"a value on its way", func(x interface{}) { go func() { doorstep <- x }() }},
	{"a context's value", func(x interface{}) {
		contexts = append(contexts, context.WithValue(context.Background(), contextKey{}, x))
	}},
	{"a finalizer", func(x interface{}) {
		k := &keeper{name: "f"}
		finalized = append(finalized, k)
		runtime.SetFinalizer(k, func(*keeper) { keepNothing(x) })
	}},
	{"a timer", func(x interface{}) { time.AfterFunc(time.Hour, func() { keepNothing(x) }) }},
	{"a context's timer", func(x interface{}) {
		ctx, cancel := context.WithTimeout(
			context.WithValue(context.Background(), contextKey{}, x), time.Hour)
		keepNothing(ctx)
		keepNothing(cancel)
	}},
	{"a sleeper", func(x interface{}) { go sleepWith(x) }},
	{"a sleeper's defer", func(x interface{}) {
		go func() {
			defer func() { keepNothing(x) }()
			time.Sleep(time.Hour)
		}()
	}},
	{"one that waits for a sleeper", keepInChain},
	{"one that waits for a socket", keepBySocket},
	{"one in a system call", keepInSyscall},
	{"one that moves it", func(x interface{}) { go moveAbout(x) }},
	{"one that never parks", func(x interface{}) { go turn(x) }},
}, newerHolders...)

func keepNested(x interface{}) {
	inner := nested[len(nested)/4]
	if inner == nil {
		inner = map[string][]*[3]interface{}{}
		nested[len(nested)] = inner
	}
	inner["k"] = append(inner["k"], &[3]interface{}{nil, 1, x})
}

func keepInArray(x interface{}) {
	inArray[inArrayUsed].x = x
	inArrayUsed++
}

//go:noinline
func sleepWith(x interface{}) {
	time.Sleep(time.Hour)
	keepNothing(x)
}

// keepInChain: one waits for a lock, whose holder waits for a channel, whose sender sleeps.
func keepInChain(x interface{}) {
	a, ch, has := newAccount(), make(chan bool), make(chan bool)
	go func() {
		a.mu.Lock()
		close(has)
		<-ch
		a.mu.Unlock()
	}()
	<-has
	go func() {
		a.mu.Lock()
		keepNothing(x)
	}()
	go func() {
		time.Sleep(time.Hour)
		ch <- true
	}()
}

func keepBySocket(x interface{}) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		c, err := l.Accept()
		keepNothing(c)
		keepNothing(err)
		keepNothing(x)
	}()
}

func keepInSyscall(x interface{}) {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	go func() {
		clear()
		var b [1]byte
		syscall.Read(fds[0], b[:])
		keepNothing(x)
	}()
}

//go:noinline
func moveAbout(x interface{}) {
	var a, b interface{} = x, nil
	for {
		clear()
		time.Sleep(20 * time.Millisecond)
		a, b = nil, a
		if a == nil {
			a, b = b, nil
		}
		keepNothing(a)
	}
}

// turn runs whenever it can, but leaves the processor to others.
//
//go:noinline
func turn(x interface{}) {
	for {
		runtime.Gosched()
		clear()
		syscall.Select(0, nil, nil, nil, &syscall.Timeval{Usec: 50000})
		keepNothing(x)
	}
}

// A pipe's reader that waits in the runtime's poller.
func keepByPipe(x interface{}) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		var b [1]byte
		r.Read(b[:])
		keepNothing(x)
		keepNothing(w)
	}()
}
