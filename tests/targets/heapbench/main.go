// SPDX-License-Identifier: Apache-2.0

// Command heapbench holds N items in a global map: some 3.5 objects and 750 bytes each, and has a thread that maps,
// touches and unmaps memory without a pause. Commands on standard input, one a line, each answered
// by one line:
//
//	reset		forgets the longest turn of that thread; answers 0
//	gap		the longest one since, in ns
//	memstats	reads runtime.MemStats; answers the ns that it took, and HeapAlloc
//	profile		writes a heap profile to nowhere; answers the ns that it took
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// With its name, and the pointer to that, three objects and a body without pointers.
type item struct {
	next *item
	name *string
	body []byte
	pad  [4]uint64
}

var (
	shelf   = map[int]*item{}
	longest int64
	epoch   int64
)

//go:noinline
func grow(n int) {
	var last *item
	for i := 0; i < n; i++ {
		// Chains, so that there is more to a heap than its map.
		name := strconv.Itoa(i)
		it := &item{name: &name, body: make([]byte, 560+i%160)}
		for j := range it.body {
			it.body[j] = byte(i)
		}
		if i%8 != 0 {
			it.next = last
		} else {
			shelf[i] = it
		}
		if i%8 != 0 {
			shelf[i-i%8].next = it
		}
		last = it
	}
}

func mapper() {
	runtime.LockOSThread()
	last := time.Now()
	for {
		seen := atomic.LoadInt64(&epoch)
		m, err := syscall.Mmap(-1, 0, 64<<10, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		m[0] = 1
		syscall.Munmap(m)
		now := time.Now()
		took := int64(now.Sub(last))
		last = now
		if seen == atomic.LoadInt64(&epoch) && took > atomic.LoadInt64(&longest) {
			atomic.StoreInt64(&longest, took)
		}
		// One core is for whoever looks.
		time.Sleep(200 * time.Microsecond)
	}
}

func obey(word string) string {
	start := time.Now()
	switch word {
	case "reset":
		atomic.AddInt64(&epoch, 1)
		atomic.StoreInt64(&longest, 0)
		return "0"
	case "gap":
		return fmt.Sprint(atomic.LoadInt64(&longest))
	case "memstats":
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return fmt.Sprint(int64(time.Since(start)), " ", m.HeapAlloc)
	case "profile":
		pprof.Lookup("heap").WriteTo(io.Discard, 0)
		return fmt.Sprint(int64(time.Since(start)), " 0")
	}
	return "?"
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	grow(n)
	runtime.GC()
	go mapper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("READY {\"heap_alloc\": %d, \"heap_objects\": %d}\n", m.HeapAlloc, m.HeapObjects)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(obey(in.Text()))
	}
}
