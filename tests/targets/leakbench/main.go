// SPDX-License-Identifier: Apache-2.0

// Command leakbench MB LEAKS has a live heap of so many MB that the collector scans, and so many
// goroutines that can never run again; a thousand more wait for what is alive. It says READY and
// answers commands on standard input, one a line, each by one line:
//
//	reset	forgets the longest gap of a 1 ms ticker; answers 0
//	gap	the longest one since, in ns
//	gc	runtime.GC(); answers the ns that it took
//	leaks	writes the runtime's goroutineleak profile to nowhere; answers the ns that it took, or 0
//		where it has none
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// 96 bytes, as good as all of which are scanned.
type item struct {
	next, left, right *item
	name              *string
	body              [7]uint64
	tags              *[2]string
}

var (
	shelf   = map[int]*item{}
	live    []chan int
	longest int64
	epoch   int64
	metric  = []metrics.Sample{{Name: "/gc/scan/heap:bytes"}}
)

func scannable() int64 {
	runtime.GC()
	metrics.Read(metric)
	return int64(metric[0].Value.Uint64())
}

// grow makes chains of trees with what is around them in a service: names, lists, a map.
func grow(bytes int64) {
	var last *item
	for i := 0; ; i++ {
		// Asking costs a collection: seldom.
		if i%100_000 == 0 && int64(i)*100 > bytes && scannable() >= bytes {
			return
		}
		it := &item{next: last}
		if i%4 == 0 {
			name := strconv.Itoa(i)
			it.name, it.tags = &name, &[2]string{name, "tag"}
		}
		if last != nil {
			it.left, it.right = last.next, last.left
		}
		if last = it; i%16 == 0 {
			shelf[i], last = it, nil
		}
	}
}

//go:noinline
func send(ch chan int, entered *sync.WaitGroup) {
	entered.Done()
	ch <- 1
}

func spawn(n int, keep bool) {
	var entered sync.WaitGroup
	entered.Add(n)
	for i := 0; i < n; i++ {
		ch := make(chan int)
		if keep {
			live = append(live, ch)
		}
		go send(ch, &entered)
	}
	entered.Wait()
}

func tick() {
	runtime.LockOSThread()
	last := time.Now()
	seen := int64(0)
	for now := range time.NewTicker(time.Millisecond).C {
		now = time.Now()
		took := int64(now.Sub(last))
		last = now
		if e := atomic.LoadInt64(&epoch); e != seen {
			seen = e
		} else if took > atomic.LoadInt64(&longest) {
			atomic.StoreInt64(&longest, took)
		}
	}
}

func obey(word string) int64 {
	start := time.Now()
	switch word {
	case "reset":
		atomic.AddInt64(&epoch, 1)
		time.Sleep(5 * time.Millisecond)
		atomic.StoreInt64(&longest, 0)
		return 0
	case "gap":
		return atomic.LoadInt64(&longest)
	case "gc":
		runtime.GC()
	case "leaks":
		p := pprof.Lookup("goroutineleak")
		if p == nil {
			return 0
		}
		p.WriteTo(io.Discard, 0)
	}
	return int64(time.Since(start))
}

func number(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(err)
	}
	return n
}

func main() {
	grow(int64(number(os.Args[1])) * 1e6)
	spawn(number(os.Args[2]), false)
	spawn(1000, true)
	go tick()
	bytes := scannable()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("READY {\"scannable\": %d, \"objects\": %d, \"leaks\": %s}\n", bytes, m.HeapObjects,
		os.Args[2])
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(obey(in.Text()))
	}
}
