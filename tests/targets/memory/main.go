// SPDX-License-Identifier: Apache-2.0

// Command memory does what its arguments name of the following, prints `READY {truth}` and then
// obeys its standard input: "grow", "truth" (both answer with the truth), or its end.
//
// What looks like a leak and is none:
//
//	idle	96 MiB of heap that were freed, and are not returned yet
//	lazy	the same by MADV_FREE, which the kernel counts on (GODEBUG=madvdontneed=0 besides)
//	room	24 MiB alive and GOGC=400: 96 MiB more before the next collection
//	slots	a small object in each page of 96 MiB
//	deep	200 goroutines that recursed once, and wait with little of their stacks in use
//	cfree	96 MiB that malloc() has back, below a block in use (cgo)
//	cslots	the same, with a block in use in each page (cgo)
//	cstacks	24 threads in C that have touched 2 MiB of their stacks each (cgo)
//
// what grows by each "grow":
//
//	global	a map of a package variable, by 24 MiB
//	cheap	blocks of malloc() that nobody frees, 24 MiB (cgo)
//	cblocks	the same in blocks of 4 MiB, which malloc() maps (cgo)
//	cmaps	mappings of the program's own, 24 MiB (cgo)
//	cthreads	16 threads that wait in C (cgo)
//
// and what is healthy beside these, with as much memory:
//
//	live	96 MiB in a variable, all of it in use, GOGC=5
//	small	20,000 goroutines that wait with small stacks
//	ring	a cache of 24 MiB whose entries are all replaced by each "grow"
//	cfull	96 MiB of malloc() in use (cgo)
//
// The truth says of each which pattern it must be told by, in which verdict at most, and the bytes.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

const mib = 1 << 20

type row struct {
	Name    string `json:"name"`
	Pattern string `json:"pattern,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	Site    string `json:"site,omitempty"`
	Bytes   uint64 `json:"bytes"`
	start   func(*row)
	grow    func(*row)
	now     func(*row)
}

var rows = []*row{
	{Name: "idle", Pattern: "heap-not-returned", Verdict: "explained", start: idle, now: idleNow},
	{Name: "lazy", Pattern: "heap-not-returned", Verdict: "explained", start: lazy},
	{Name: "room", Pattern: "gc-headroom", Verdict: "explained", start: room},
	{Name: "slots", Pattern: "heap-not-returned", Verdict: "explained", start: slots, now: slotsNow},
	{Name: "deep", Pattern: "stack-growth", Verdict: "explained", Site: "main.restDeep", start: deep},
	{Name: "global", Pattern: "growing-global", Verdict: "suspect", Site: "main.global", grow: growGlobal},
	{Name: "live", start: live},
	{Name: "small", start: small},
	{Name: "ring", start: ring, grow: ring},
}

var (
	global    = map[int][]byte{}
	liveData  [][]byte
	ringData  []([]byte)
	slotsData [][]byte
	roomData  [][]byte
	sink      []byte
)

// blocks makes n MiB of blocks of that size, all of them written to.
func blocks(n, size int) [][]byte {
	all := make([][]byte, n*mib/size)
	for i := range all {
		all[i] = make([]byte, size)
		for k := 0; k < size; k += 4096 {
			all[i][k] = 1
		}
	}
	return all
}

//go:noinline
func drop(n, size int) {
	sink = blocks(n, size)[0]
	sink = nil
}

// Without a limit to go by the runtime gives back what it does not need: slowly, but a GOGC that
// lets it need all of it again keeps it.
func idle(r *row) {
	drop(96, 32<<10)
	runtime.GC()
}

func idleNow(r *row) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Bytes = m.HeapIdle - m.HeapReleased
}

func lazy(r *row) {
	drop(96, 32<<10)
	debug.FreeOSMemory()
	r.Bytes = 96 * mib
}

func room(r *row) {
	debug.SetGCPercent(400)
	roomData = blocks(24, 32<<10)
	runtime.GC()
	drop(64, 32<<10)
	r.Bytes = 96 * mib
}

// Objects of 512 bytes, 16 to a span of 8 KiB, of which one stays.
func slots(r *row) {
	all := blocks(96, 512)
	for i := 0; i < len(all); i += 16 {
		slotsData = append(slotsData, all[i])
	}
	all = nil
	runtime.GC()
	runtime.GC()
}

func slotsNow(r *row) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Bytes = m.HeapInuse - m.HeapAlloc
}

var forever = make(chan int)

//go:noinline
func recurse(n int) int {
	var frame [512]byte
	frame[n%512] = 1
	if n == 0 {
		return int(frame[0])
	}
	return recurse(n-1) + int(frame[n%512])
}

// restDeep waits as deep as it has come: so the collector lets the stack be as it is.
//
//go:noinline
func restDeep(n int) int {
	var frame [512]byte
	frame[n%512] = 1
	if n == 0 {
		ready <- true
		<-forever
		return int(frame[0])
	}
	return restDeep(n-1) + int(frame[n%512])
}

var ready = make(chan bool)

func deep(r *row) {
	for i := 0; i < 200; i++ {
		go func() {
			recurse(500)
			restDeep(300)
		}()
		<-ready
	}
	r.Bytes = 200 * 512 << 10
}

func growGlobal(r *row) {
	for _, b := range blocks(24, 4096) {
		global[len(global)] = b
	}
	r.Bytes += 24 * mib
	runtime.GC()
}

func live(r *row) {
	debug.SetGCPercent(5)
	liveData = blocks(96, 32<<10)
	r.Bytes = 96 * mib
	runtime.GC()
}

//go:noinline
func restSmall() {
	ready <- true
	<-forever
}

func small(r *row) {
	for i := 0; i < 20000; i++ {
		go restSmall()
		<-ready
	}
}

func ring(r *row) {
	debug.SetGCPercent(20)
	ringData = blocks(24, 4096)
	r.Bytes = 24 * mib
	runtime.GC()
}

var mine []*row

func truth() []byte {
	for _, r := range mine {
		if r.now != nil {
			r.now(r)
		}
	}
	answer, err := json.Marshal(map[string]interface{}{"pid": os.Getpid(), "rows": mine})
	if err != nil {
		panic(err)
	}
	return answer
}

func main() {
	for _, word := range os.Args[1:] {
		found := false
		for _, r := range rows {
			if r.Name != word {
				continue
			}
			found = true
			mine = append(mine, r)
			if r.start != nil {
				r.start(r)
			}
		}
		if !found {
			fmt.Fprintf(os.Stderr, "memory: there is no %s\n", word)
			os.Exit(2)
		}
	}
	fmt.Printf("READY %s\n", truth())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "grow" {
			for _, r := range mine {
				if r.grow != nil {
					r.grow(r)
				}
			}
		}
		answer := truth()
		fmt.Printf("OK %d\n%s", len(answer), answer)
	}
	runtime.KeepAlive(roomData)
}
