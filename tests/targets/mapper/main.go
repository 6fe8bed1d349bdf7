// SPDX-License-Identifier: Apache-2.0

// Command mapper runs some of the following at once, those that its arguments name, prints
// `READY {truth}`, and ends with its standard input. What leaks:
//
//	leak	a syscall.Mmap of 256 KiB that is never unmapped, 20 a second
//	cleak	the same by a C function (with cgo alone)
//	cblock	malloc() of 256 KiB in a C function that is never freed, 20 a second (with cgo alone)
//
// and what does not, though it looks like it for a while:
//
//	heap	Go's own heap grows by 2 MiB, 20 times a second
//	pool	32 MiB in mappings of 1 MiB, all within a second
//	churn	a mapping of 1 MiB that is unmapped at once, 500 a second
//	ring	the newest 16 of its mappings of 512 KiB, 20 new ones a second
//	work	computes a third of the time
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

const piece = 256 << 10

type site struct {
	Name    string `json:"name"`
	Func    string `json:"func"`
	Go      string `json:"go"`
	Pattern string `json:"pattern"`
	run     func()
}

var sites = []site{
	{"leak", "main.leakHere", "main.leak", "native-growth", leak},
	{"heap", "main.growHeap", "", "", growHeap},
	{"pool", "main.fillPool", "", "", fillPool},
	{"churn", "main.churn", "", "", churn},
	{"ring", "main.ring", "", "", ring},
	{"work", "main.work", "", "", work},
}

func mapped(bytes int) []byte {
	p, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return p
}

func touch(p []byte) []byte {
	for i := 0; i < len(p); i += 4096 {
		p[i] = 1
	}
	return p
}

var kept [][]byte

//go:noinline
func leakHere() []byte {
	p, err := syscall.Mmap(-1, 0, piece, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return touch(p)
}

//go:noinline
func leak() {
	for range time.Tick(50 * time.Millisecond) {
		leakHere()
	}
}

func growHeap() {
	for range time.Tick(50 * time.Millisecond) {
		kept = append(kept, touch(make([]byte, 2<<20)))
	}
}

func fillPool() {
	for i := 0; i < 32; i++ {
		touch(mapped(1 << 20))
		time.Sleep(20 * time.Millisecond)
	}
	select {}
}

func churn() {
	for range time.Tick(2 * time.Millisecond) {
		p := mapped(1 << 20)
		p[0] = 1
		if err := syscall.Munmap(p); err != nil {
			panic(err)
		}
	}
}

func ring() {
	var all [16][]byte
	i := 0
	for range time.Tick(50 * time.Millisecond) {
		if all[i%16] != nil {
			if err := syscall.Munmap(all[i%16]); err != nil {
				panic(err)
			}
		}
		all[i%16] = touch(mapped(512 << 10))
		i++
	}
}

func work() {
	for {
		for end := time.Now().Add(10 * time.Millisecond); time.Now().Before(end); {
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func main() {
	truth := struct {
		Pid   int    `json:"pid"`
		Sites []site `json:"sites"`
	}{os.Getpid(), []site{}}
	for _, s := range sites {
		for _, name := range os.Args[1:] {
			if name == s.Name {
				truth.Sites = append(truth.Sites, s)
				go s.run()
			}
		}
	}
	out, err := json.Marshal(truth)
	if err != nil {
		panic(err)
	}
	fmt.Printf("READY %s\n", out)
	io.Copy(io.Discard, os.Stdin)
}
