// SPDX-License-Identifier: Apache-2.0

// Command roots has one goroutine for each way in which the Go runtime keeps something alive: it
// waits on a channel that only this way leads to, and beside it one that waits on a channel that
// nothing leads to any more. Its READY line says which is which, and where the objects are. The
// collector never runs again, so that nothing moves on.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// holder is what the runtime keeps: too large for a tiny block.
type holder struct {
	ch  chan int
	pad [5]uint64
}

type truth struct {
	Pid     int               `json:"pid"`
	Alive   map[string]uint64 `json:"alive"`   // the goroutine that waits, by kind
	Dead    map[string]uint64 `json:"dead"`    // its neighbour
	Also    []uint64          `json:"also"`    // further dead ones, that hold what the dead wait on
	Objects map[string]uint64 `json:"objects"` // where the runtime points to, by kind
	Lost    map[string]uint64 `json:"lost"`    // its neighbour, to which nothing points
	Held    int               `json:"held"`    // bytes that only a finalizer holds
}

var (
	told = truth{
		Pid:   os.Getpid(),
		Alive: map[string]uint64{}, Dead: map[string]uint64{},
		Objects: map[string]uint64{}, Lost: map[string]uint64{},
	}
	forever = make(chan int) // what those wait on that are alive for it
	ready   = make(chan uint64)
)

func goid() uint64 {
	var buf [64]byte
	words := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	id, _ := strconv.ParseUint(string(words[1]), 10, 64)
	return id
}

//go:noinline
func wait(ch chan int) {
	ready <- goid()
	<-ch
}

// start makes a channel that only its goroutine knows, and what the caller makes of the pointer.
//
//go:noinline
func start() (*holder, uint64) {
	h := &holder{ch: make(chan int)}
	go wait(h.ch)
	return h, <-ready
}

// alive notes a goroutine, and where what is to be kept stands.
func alive(kind string, id uint64, object unsafe.Pointer) {
	told.Alive[kind] = id
	if object != nil {
		told.Objects[kind] = uint64(uintptr(object))
	}
}

func dead(kind string, id uint64, object unsafe.Pointer) {
	told.Dead[kind] = id
	if object != nil {
		told.Lost[kind] = uint64(uintptr(object))
	}
}

// lost makes the neighbour of a kind, with no root.
//
//go:noinline
func lost(kind string) {
	h, id := start()
	dead(kind, id, unsafe.Pointer(h))
}

// closureOf returns where a func value's closure stands.
func closureOf(f *func(*holder)) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(f))
}

//go:noinline
func finalizers() {
	h, id := start()
	runtime.SetFinalizer(h, func(h *holder) { close(h.ch) })
	alive("finalizer", id, unsafe.Pointer(h))
	lost("finalizer")

	h, id = start()
	ch := h.ch
	f := func(*holder) { close(ch) }
	runtime.SetFinalizer(new(holder), f)
	alive("finalizer-function", id, closureOf(&f))
	lost("finalizer-function")

	// Inside of what the object points to.
	h, id = start()
	outer := new([3]*holder)
	outer[1] = h
	runtime.SetFinalizer(outer, func(*[3]*holder) {})
	alive("finalizer-deep", id, unsafe.Pointer(outer))
	lost("finalizer-deep")

	told.Held = 1 << 20
	bytes := make([]byte, told.Held)
	runtime.SetFinalizer(&bytes, func(*[]byte) {})

	// One that had one.
	h, id = start()
	runtime.SetFinalizer(h, func(h *holder) { close(h.ch) })
	runtime.SetFinalizer(h, nil)
	dead("finalizer-gone", id, unsafe.Pointer(h))
}

// Finalizers whose turn never comes, for one that never ends stands before them.
//
//go:noinline
func queued() {
	stuck := make(chan bool)
	runtime.SetFinalizer(new(holder), func(*holder) {
		stuck <- true
		<-forever
	})
	runtime.GC()
	<-stuck
	makeQueued()
	runtime.GC()
	runtime.GC()
}

//go:noinline
func makeQueued() {
	h, id := start()
	runtime.SetFinalizer(h, func(h *holder) { close(h.ch) })
	alive("queue", id, unsafe.Pointer(h))
}

//go:noinline
func timers() {
	h, id := start()
	ch := h.ch
	time.AfterFunc(24*time.Hour, func() { close(ch) })
	alive("timer", id, nil)
	lost("timer")

	// In a heap of timers that has others before.
	for i := 0; i < 64; i++ {
		time.AfterFunc(12*time.Hour, func() {})
	}
	h, id = start()
	late := h.ch
	time.AfterFunc(48*time.Hour, func() { late <- 1 })
	alive("timer-late", id, nil)
	lost("timer-late")
}

// Many calls on purpose: more than eight deferred ones are recorded on the stack, in a loop on the
// heap, and few are no records at all.
//
//go:noinline
func deferOnStack(ch, on chan int) {
	defer func() { close(ch) }()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	defer fmt.Sprint()
	wait(on)
}

//go:noinline
func deferOnHeap(ch, on chan int) {
	for i := 0; i < 3; i++ {
		c := ch
		defer func() { c <- 1 }()
	}
	ch = nil
	wait(on)
}

//go:noinline
func deferOpen(ch, on chan int) {
	defer func() { close(ch) }()
	wait(on)
}

// A record on the heap behind one on the stack.
//
//go:noinline
func deferMixed(ch, on chan int) {
	for i := 0; i < 2; i++ {
		c := ch
		defer func() { c <- 1 }()
	}
	ch = nil
	deferOnStack(make(chan int), on)
}

//go:noinline
func panics(ch, on chan int) {
	defer func() { recover() }()
	defer wait(on)
	panic(&holder{ch: ch})
}

// held has goroutines that hold a channel by a record, one of which is alive.
//
//go:noinline
func held(kind string, hold func(ch, on chan int)) {
	h, id := start()
	go hold(h.ch, forever)
	<-ready
	alive(kind, id, nil)

	h, id = start()
	dead(kind, id, unsafe.Pointer(h))
	go hold(h.ch, make(chan int))
	told.Also = append(told.Also, <-ready)
}

//go:noinline
func inKernel(ch chan int, r *os.File) {
	var b [1]byte
	ready <- 0
	r.Read(b[:])
	ch <- 1
}

// Those in the kernel come first: of their stacks each word counts, and so would what others have left
// there before. A descriptor that the poller does not know blocks its thread.
//
//go:noinline
func kernel(end chan bool) {
	h, id := start()
	go inKernel(h.ch, blocking())
	<-ready
	alive("stack-syscall", id, nil)
	go func() {
		ready <- 0
		bufio.NewReader(os.Stdin).ReadString('\n')
		end <- true
	}()
	<-ready
}

//go:noinline
func asleep(ch chan int) {
	ready <- 0
	time.Sleep(24 * time.Hour)
	ch <- 1
}

var pipes []*os.File

//go:noinline
func stacks() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	pipes = append(pipes, r, w)
	h, id := start()
	go inKernel(h.ch, r)
	<-ready
	alive("stack-network", id, nil)
	lost("stack-network")

	h, id = start()
	go asleep(h.ch)
	<-ready
	alive("stack-sleep", id, nil)
	lost("stack-sleep")
}

var (
	variable *holder
	table    = map[string]*holder{}
	shared   sync.Map
)

//go:noinline
func variables() {
	h, id := start()
	variable = h
	alive("variable", id, nil)
	lost("variable")
	h, id = start()
	table["one"] = h
	alive("map", id, nil)
	lost("map")
	h, id = start()
	shared.Store("one", h)
	alive("sync.Map", id, nil)
	lost("sync.Map")
}

func main() {
	end := make(chan bool)
	kernel(end)
	queued()
	newerQueued()
	debug.SetGCPercent(-1)
	runtime.GC()
	lost("stack-syscall")
	lost("queue")
	finalizers()
	timers()
	held("defer-stack", deferOnStack)
	held("defer-heap", deferOnHeap)
	held("defer-open", deferOpen)
	held("defer-mixed", deferMixed)
	held("panic", panics)
	stacks()
	variables()
	newer()
	withC()
	// A moment for the last ones to park.
	time.Sleep(10 * time.Millisecond)
	line, _ := json.Marshal(told)
	fmt.Printf("READY %s\n", line)
	<-end
}
