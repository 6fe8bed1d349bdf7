// SPDX-License-Identifier: Apache-2.0

// Command retainer holds memory in known ways and says in its READY line how much each of them is,
// by what the heap grew. `grow N` adds N MiB to the map, `quit` or the end of the input ends it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	value  = 1000
	chunks = 16
)

type node struct {
	next *node
	data [3]uint64
}

type tree struct {
	left, right *tree
	leaf        []byte
}

type owner struct {
	name   string
	shared *tree
	own    []*[500]byte
}

type shape interface{ area() int }

type square struct {
	side int
	data []byte
}

func (s *square) area() int { return s.side }

var (
	cache  = map[int][]byte{}
	list   *node
	first  *owner
	second *owner
	boxed  shape
	hooks  []func() int
	table  [64]*[4096]byte
)

// live returns the bytes of the heap that are alive.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// grown runs f and returns by how much it made the live heap grow.
func grown(f func()) uint64 {
	before := live()
	f()
	return live() - before
}

//go:noinline
func fill(n int) {
	for i := 0; i < n; i++ {
		b := make([]byte, value)
		b[0] = 1
		cache[len(cache)] = b
	}
}

//go:noinline
func makeTree(depth int) *tree {
	if depth == 0 {
		return &tree{leaf: make([]byte, 4096)}
	}
	return &tree{left: makeTree(depth - 1), right: makeTree(depth - 1)}
}

//go:noinline
func makeOwn(n int) (own []*[500]byte) {
	for i := 0; i < n; i++ {
		own = append(own, new([500]byte))
	}
	return own
}

// holdOnStack keeps what no variable knows.
func holdOnStack(n int, ready chan<- bool, stop <-chan bool) {
	var kept [chunks][]byte
	for i := range kept {
		kept[i] = make([]byte, n/chunks)
	}
	ready <- true
	<-stop
	fmt.Fprint(os.Stderr, len(kept[n%chunks]))
}

// leak never ends.
func leak(n int, ready chan<- bool) {
	pieces := make([]*[]byte, n)
	for i := range pieces {
		b := make([]byte, 16<<10)
		pieces[i] = &b
	}
	ready <- true
	var never chan bool
	<-never
	runtime.KeepAlive(pieces)
}

// dead leaves a pointer in its frame that nothing uses any more: it holds nothing.
//
//go:noinline
func dead(ready chan<- bool, stop <-chan bool) {
	big := make([]byte, 8<<20)
	big[len(big)/2] = 1
	n := len(big)
	ready <- true
	<-stop
	fmt.Fprint(os.Stderr, n)
}

func main() {
	debug.SetGCPercent(100)
	scale := 1
	if len(os.Args) > 1 {
		scale, _ = strconv.Atoi(os.Args[1])
	}
	ready, stop := make(chan bool), make(chan bool)
	truth := map[string]interface{}{"pid": os.Getpid(), "go": runtime.Version()}
	holds := map[string]uint64{}
	holds["main.cache"] = grown(func() { fill(32000 * scale) })
	holds["main.list"] = grown(func() {
		for i := 0; i < 200000*scale; i++ {
			list = &node{next: list}
		}
	})
	var shared *tree
	holds["shared"] = grown(func() { shared = makeTree(11) })
	holds["main.first"] = grown(func() { first = &owner{"first", shared, makeOwn(8000 * scale)} })
	holds["main.second"] = grown(func() { second = &owner{"second", shared, makeOwn(4000 * scale)} })
	shared = nil
	holds["main.boxed"] = grown(func() { boxed = &square{1, make([]byte, 3<<20)} })
	holds["main.hooks"] = grown(func() {
		for i := 0; i < 1000; i++ {
			b := make([]byte, 2048)
			hooks = append(hooks, func() int { return len(b) + int(b[0]) })
		}
	})
	holds["main.table"] = grown(func() {
		for i := range table {
			table[i] = new([4096]byte)
		}
	})
	holds["main.holdOnStack"] = grown(func() {
		go holdOnStack(12<<20*scale, ready, stop)
		<-ready
	})
	holds["main.leak"] = grown(func() {
		for i := 0; i < 4; i++ {
			go leak(100*scale, ready)
			<-ready
		}
	})
	holds["main.dead"] = grown(func() {
		go dead(ready, stop)
		<-ready
	})
	truth["holds"] = holds
	var m runtime.MemStats
	live()
	runtime.ReadMemStats(&m)
	truth["heap_alloc"] = m.HeapAlloc
	line, _ := json.Marshal(truth)
	fmt.Printf("READY %s\n", line)
	serve(bufio.NewScanner(os.Stdin))
	runtime.KeepAlive(boxed)
	close(stop)
}

func serve(in *bufio.Scanner) {
	for in.Scan() {
		words := strings.Fields(in.Text())
		switch {
		case len(words) == 2 && words[0] == "grow":
			n, _ := strconv.Atoi(words[1])
			answer, _ := json.Marshal(grown(func() { fill(n << 20 / 1024) }))
			fmt.Printf("OK %d\n%s", len(answer), answer)
		case len(words) == 1 && words[0] == "quit":
			return
		}
	}
}
