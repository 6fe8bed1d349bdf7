// SPDX-License-Identifier: Apache-2.0

// Command stopped does everything that a stop by ptrace could spoil: sums that are known beforehand,
// signals to itself, preemption of a loop without calls, a CPU profile, timers, threads that come and
// go, fork and exec, and in a build with cgo calls into C and back. Each thing counts its turns, and
// a turn that is spoiled never ends, or is counted as bad. Some goroutines are lost, others look as if
// they were. It prints `READY {truth}` and then obeys its standard input:
//
//	state		answers with the turns, and the longest time that a ticker of 1 ms was late
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type turns struct {
	name string
	n    *uint64
}

var (
	all  []turns
	bad  uint64
	late struct {
		sync.Mutex
		max time.Duration
	}
	// What nothing else keeps alive.
	keepChan   = make(chan int)
	keepLock   sync.Mutex
	keepMap    = map[string]*holder{}
	keepStruct holder
)

type holder struct {
	pad [3]int
	c   chan *holder
}

// Turns of one kind, for good.
func repeat(name string, turn func()) {
	n := new(uint64)
	all = append(all, turns{name, n})
	go func() {
		for {
			turn()
			atomic.AddUint64(n, 1)
		}
	}()
}

func goid() uint64 {
	var buf [64]byte
	id, _, _ := bytes.Cut(buf[len("goroutine "):runtime.Stack(buf[:], false)], []byte(" "))
	n, _ := strconv.ParseUint(string(id), 10, 64)
	return n
}

// Starts a goroutine that tells who it is and then blocks.
func start(block func()) uint64 {
	id := make(chan uint64)
	go func() {
		id <- goid()
		block()
	}()
	return <-id
}

//go:noinline
func loseOne(i int) uint64 {
	c, locked, wait := make(chan int), new(sync.Mutex), new(sync.WaitGroup)
	switch i % 4 {
	case 0:
		return start(func() { c <- 1 })
	case 1:
		return start(func() {
			select {
			case <-c:
			case c <- 2:
			}
		})
	case 2:
		locked.Lock()
		return start(locked.Lock)
	}
	wait.Add(1)
	return start(wait.Wait)
}

func healthy() []uint64 {
	h := &holder{c: make(chan *holder)}
	keepMap["kept"] = h
	keepStruct.c = make(chan *holder, 1)
	keepLock.Lock()
	only := make(chan int)
	time.AfterFunc(24*time.Hour, func() { only <- 1 })
	return []uint64{
		start(func() { <-keepChan }),
		start(func() { <-h.c }),
		start(func() { <-keepStruct.c }),
		start(keepLock.Lock),
		start(func() { <-only }),
	}
}

func mix(h, v uint64) uint64 { return (h ^ v) * 1099511628211 }

// Numbers through a chain of goroutines.
func sum(rounds int) uint64 {
	first := make(chan uint64)
	in := first
	for i := uint64(0); i < 8; i++ {
		out := make(chan uint64)
		go func(in, out chan uint64, own uint64) {
			for v := range in {
				out <- mix(v, own)
			}
			close(out)
		}(in, out, i)
		in = out
	}
	go func() {
		for i := 0; i < rounds; i++ {
			first <- uint64(i)
		}
		close(first)
	}()
	total := uint64(14695981039346656037)
	for v := range in {
		total = mix(total, v)
	}
	return total
}

// All wait on a channel that is forgotten in the moment when it is closed.
func closeMany() {
	const waiters = 500
	var done sync.WaitGroup
	c := make(chan struct{})
	for i := 0; i < waiters; i++ {
		done.Add(1)
		go func(c chan struct{}) {
			<-c
			done.Done()
		}(c)
	}
	runtime.Gosched()
	close(c)
	done.Wait()
}

func broadcast() {
	const waiters = 100
	var (
		lock sync.Mutex
		cond = sync.NewCond(&lock)
		done sync.WaitGroup
		in   int
	)
	for i := 0; i < waiters; i++ {
		done.Add(1)
		go func() {
			lock.Lock()
			in++
			cond.Wait()
			lock.Unlock()
			done.Done()
		}()
	}
	for lock.Lock(); in < waiters; lock.Lock() {
		lock.Unlock()
		runtime.Gosched()
	}
	lock.Unlock()
	cond.Broadcast()
	done.Wait()
}

func watchTicker() {
	before := time.Now()
	for range time.Tick(time.Millisecond) {
		now := time.Now()
		late.Lock()
		if gap := now.Sub(before); gap > late.max {
			late.max = gap
		}
		late.Unlock()
		before = now
	}
}

// Nothing in it lets go of its thread: a signal alone can make it.
func spin(stop *uint32) {
	for n := uint64(0); ; n++ {
		if n&0xffff == 0 && atomic.LoadUint32(stop) != 0 {
			return
		}
	}
}

func work() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	want := sum(200)
	repeat("sums", func() {
		if sum(200) != want {
			atomic.AddUint64(&bad, 1)
		}
	})
	repeat("signals", func() {
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		<-got
	})
	repeat("collections", func() {
		var stop uint32
		go spin(&stop)
		runtime.GC()
		atomic.StoreUint32(&stop, 1)
		time.Sleep(time.Millisecond)
	})
	repeat("timers", func() { <-time.After(time.Millisecond) })
	repeat("threads", func() {
		done := make(chan bool)
		go func() {
			runtime.LockOSThread()
			close(done)
		}()
		<-done
		time.Sleep(time.Millisecond)
	})
	repeat("forks", func() {
		if exec.Command("/bin/true").Run() != nil {
			atomic.AddUint64(&bad, 1)
		}
		time.Sleep(5 * time.Millisecond)
	})
	repeat("closes", closeMany)
	repeat("broadcasts", broadcast)
	for i := 0; callC != nil && i < 3; i++ {
		repeat("calls"+strconv.Itoa(i), callC)
	}
	go watchTicker()
}

// Into C, which sleeps and calls back; nil without cgo.
var callC func()

func state() []byte {
	s := map[string]uint64{"bad": atomic.LoadUint64(&bad)}
	for _, t := range all {
		s[t.name] = atomic.LoadUint64(t.n)
	}
	late.Lock()
	s["late_us"] = uint64(late.max.Microseconds())
	late.max = 0
	late.Unlock()
	text, _ := json.Marshal(s)
	return text
}

func main() {
	runtime.GOMAXPROCS(4)
	truth := map[string]interface{}{"pid": os.Getpid(), "healthy": healthy()}
	var lost []uint64
	for i := 0; i < 40; i++ {
		lost = append(lost, loseOne(i))
	}
	truth["lost"] = lost
	work()
	pprof.StartCPUProfile(io.Discard)
	text, _ := json.Marshal(truth)
	fmt.Printf("READY %s\n", text)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "state" {
			text := state()
			fmt.Printf("ANSWER %d\n%s", len(text), text)
		}
	}
	keepLock.Unlock()
	keepChan <- 1
	keepMap["kept"].c <- nil
	keepStruct.c <- nil
}
