// SPDX-License-Identifier: Apache-2.0

// Command traced makes goroutines, parks and ends them on command, and says how many and where.
//
//	spawn N    N goroutines that wait in receive() for the gate; answers when all are parked
//	select N   the same with N that wait in choose() for the gate or another channel
//	release    closes the gate; answers when all of them have come past it
//	churn N    N goroutines are made and end, N values go through a channel, by four threads at once
//	steady N   from now on N goroutines a second, which park once each in nap()
//	flood N    from now on N goroutines at a time that end at once, as many times as can be
//	deep N     from now on N goroutines at a time that park in descend(), on 16,384 different stacks
//	count      what the last three have made so far, and the CPU time of the process
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	made   uint64
	start  = time.Now()
	gate   = make(chan int)
	other  = make(chan int)
	waited sync.WaitGroup
	stacks = make([]byte, 64<<20)
)

//go:noinline
func receive() {
	<-gate
	waited.Done()
}

//go:noinline
func choose() {
	select {
	case <-gate:
	case <-other:
	}
	waited.Done()
}

func addr(ch chan int) uint64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(fmt.Sprintf("%p", ch), "0x"), 16, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func goid() uint64 {
	var id uint64
	fmt.Sscanf(string(stacks[:runtime.Stack(stacks, false)]), "goroutine %d ", &id)
	return id
}

// parked waits until n goroutines wait in that state, by the runtime's own word.
func parked(n int, state string) {
	for bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte(" ["+state)) < n {
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func spawn(n int) {
	waited.Add(n)
	for i := 0; i < n; i++ {
		go receive()
	}
	parked(n, "chan receive")
}

//go:noinline
func spawnSelect(n int) {
	waited.Add(n)
	for i := 0; i < n; i++ {
		go choose()
	}
	parked(n, "select")
}

//go:noinline
func release() {
	close(gate)
	waited.Wait()
	gate = make(chan int)
}

//go:noinline
func short() { waited.Done() }

//go:noinline
func pass(n int, ch chan int) {
	for i := 0; i < n; i++ {
		ch <- i
	}
	close(ch)
}

//go:noinline
func churn(n int) {
	var all sync.WaitGroup
	for k := 0; k < 4; k++ {
		all.Add(1)
		go func() {
			ch := make(chan int)
			go pass(n/4, ch)
			for range ch {
				waited.Add(1)
				go short()
			}
			all.Done()
		}()
	}
	all.Wait()
	waited.Wait()
}

//go:noinline
func nap(ch chan int) { <-ch }

//go:noinline
func steady(n int) {
	begin, mine := time.Now(), 0
	for range time.Tick(5 * time.Millisecond) {
		ch := make(chan int)
		for ; mine < int(float64(n)*time.Since(begin).Seconds()); mine++ {
			atomic.AddUint64(&made, 1)
			go nap(ch)
		}
		time.Sleep(2 * time.Millisecond)
		close(ch)
	}
}

//go:noinline
func flood(n int) {
	for {
		var all sync.WaitGroup
		for i := 0; i < n; i++ {
			all.Add(1)
			go all.Done()
		}
		all.Wait()
		atomic.AddUint64(&made, uint64(n))
	}
}

// descend parks on a stack that tells the bits of n.
//
//go:noinline
func descend(n, left int, ch chan int) int {
	switch {
	case left == 0:
		<-ch
		return 0
	case n%2 == 0:
		return 1 + descend(n/2, left-1, ch)
	default:
		return 2 + descend(n/2, left-1, ch)
	}
}

func dive(n int, ch chan int, all *sync.WaitGroup) {
	descend(n, 14, ch)
	all.Done()
}

//go:noinline
func deep(n int) {
	for i := 0; ; {
		var all sync.WaitGroup
		ch := make(chan int)
		all.Add(n)
		for k := 0; k < n; k++ {
			i++
			go dive(i*7919, ch, &all)
		}
		runtime.Gosched()
		close(ch)
		all.Wait()
		atomic.AddUint64(&made, uint64(n))
	}
}

func cpuNs() uint64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return uint64(used.Utime.Nano() + used.Stime.Nano())
}

func answer(v interface{}) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

func main() {
	fmt.Printf("READY %s\n", answer(map[string]int{"pid": os.Getpid()}))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, rest, _ := cut(in.Text())
		n, _ := strconv.Atoi(rest)
		truth := map[string]uint64{"goid": goid(), "gate": addr(gate), "other": addr(other)}
		switch word {
		case "spawn":
			spawn(n)
		case "select":
			spawnSelect(n)
		case "churn":
			churn(n)
		case "release":
			release()
		case "steady":
			go steady(n)
		case "flood":
			go flood(n)
		case "deep":
			go deep(n)
		case "count":
			truth["made"] = atomic.LoadUint64(&made)
			truth["ns"] = uint64(time.Since(start))
			truth["cpu_ns"] = cpuNs()
		default:
			panic("unknown command " + word)
		}
		out := answer(truth)
		fmt.Printf("OK %d\n%s", len(out), out)
	}
}

// cut is strings.Cut, which Go 1.17 and before lack.
func cut(s string) (string, string, bool) {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
