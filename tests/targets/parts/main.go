// SPDX-License-Identifier: Apache-2.0

// Command parts has memory of every kind that a Go program can have, all of it written, says READY
// and what it has beside the Go heap, and answers commands on standard input, one a line:
//
//	memstats	its own runtime.MemStats
//	churn		from now on it allocates and drops as fast as it can
//
// Nothing is collected between two answers, unless it churns. With the argument "release" what is
// free goes back to the system, with "big" the heap is ten times as large.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

const (
	mib         = 1 << 20
	ownBytes    = 20 * mib
	sharedBytes = 9 * mib
	fileBytes   = 7 * mib
	goroutines  = 300
)

var (
	live    [][]byte
	read    byte
	mapped  [][]byte
	waiting = make(chan int)
	cBytes  = func() map[string]uint64 { return nil }
)

func fill(b []byte) []byte {
	for i := range b {
		b[i] = 1
	}
	return b
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func mapSome(fd, bytes, prot, flags int) {
	b, err := syscall.Mmap(fd, 0, bytes, prot, flags)
	must(err)
	mapped = append(mapped, b)
	for i := 0; i < bytes; i += 4096 {
		if prot&syscall.PROT_WRITE != 0 {
			b[i] = 1
		}
		read += b[i]
	}
}

func mapAll() {
	rw := syscall.PROT_READ | syscall.PROT_WRITE
	mapSome(-1, ownBytes, rw, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	mapSome(-1, sharedBytes, rw, syscall.MAP_SHARED|syscall.MAP_ANON)
	f, err := os.CreateTemp("/var/tmp", "loiter-parts-")
	must(err)
	os.Remove(f.Name())
	_, err = f.Write(fill(make([]byte, fileBytes)))
	must(err)
	mapSome(int(f.Fd()), fileBytes, syscall.PROT_READ, syscall.MAP_SHARED)
}

// Objects of many sizes, and as much again that is dropped.
func fillHeap(times int) {
	var dropped [][]byte
	for i := 0; i < 24*times; i++ {
		live = append(live, fill(make([]byte, mib)))
		dropped = append(dropped, fill(make([]byte, 900000)))
		for k := 0; k < 500; k++ {
			live = append(live, fill(make([]byte, 16+k)))
		}
	}
	runtime.KeepAlive(dropped)
}

//go:noinline
func deep(n int) int {
	var room [256]int
	room[n%256] = n
	if n > 0 {
		return deep(n-1) + room[n%256]
	}
	waiting <- 0
	return room[0]
}

func churn() {
	for {
		fill(make([]byte, 300000))
	}
}

func answer(v interface{}) {
	text, err := json.Marshal(v)
	must(err)
	fmt.Printf("ANSWER %d\n%s", len(text), text)
}

func main() {
	times, release := 1, false
	for _, arg := range os.Args[1:] {
		if arg == "big" {
			times = 10
		}
		release = release || arg == "release"
	}
	mapAll()
	fillHeap(times)
	for i := 0; i < goroutines; i++ {
		go deep(6)
	}
	for i := 0; i < goroutines; i++ {
		<-waiting
	}
	for i := 0; i < goroutines; i++ {
		go deep(6)
	}
	c := cBytes()
	runtime.GC()
	if release {
		debug.FreeOSMemory()
	}
	debug.SetGCPercent(-1)
	truth := map[string]uint64{"pid": uint64(os.Getpid()), "own_mmap": ownBytes,
		"shared": sharedBytes, "file": fileBytes}
	for name, bytes := range c {
		truth[name] = bytes
	}
	text, err := json.Marshal(truth)
	must(err)
	fmt.Printf("READY %s\n", text)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "churn" {
			debug.SetGCPercent(100)
			go churn()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		answer(m)
	}
}
