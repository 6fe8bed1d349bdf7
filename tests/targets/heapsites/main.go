// SPDX-License-Identifier: Apache-2.0

// Command heapsites allocates at many sites, in many sizes and depths, gives some of it back,
// collects, says READY and then answers commands on standard input, one a line:
//
//	heap	its own heap profile, as runtime/pprof writes it
//	grow	allocates more, and collects once
//	churn	from now on allocates and collects as fast as it can
//
// Arguments: rate=N (runtime.MemProfileRate), gc=off (never collects).
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
)

type tree struct {
	left, right *tree
	name        string
	values      []int
}

var (
	blobs   [][]byte
	names   = map[string]*bytes.Buffer{}
	root    *tree
	collect = true
)

func argument(name string) string {
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(arg, name+"=") {
			return arg[len(name)+1:]
		}
	}
	return ""
}

// Before main and most of the runtime's own allocations.
func init() {
	if rate := argument("rate"); rate != "" {
		runtime.MemProfileRate, _ = strconv.Atoi(rate)
	}
	if argument("gc") == "off" {
		debug.SetGCPercent(-1)
		collect = false
	}
}

func blob(n int) []byte { return make([]byte, n) }

func grow(n int) {
	for i := 0; i < n; i++ {
		blobs = append(blobs, blob(64<<(i%11)), make([]byte, 1000))
		word := strings.Repeat(strconv.Itoa(len(names)), 10)
		names[word] = bytes.NewBufferString(word)
	}
}

func drop() {
	for i := range blobs {
		if i%3 == 0 {
			blobs[i] = nil
		}
	}
}

func build(depth int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{build(depth - 1), build(depth - 1), fmt.Sprint(depth), make([]int, depth*10)}
}

// Deeper than any release keeps.
//
//go:noinline
func deep(n int) []byte {
	if n == 0 {
		return make([]byte, 300000)
	}
	b := deep(n - 1)
	b[n] = 1
	return b
}

func publish() {
	for i := 0; collect && i < 2; i++ {
		runtime.GC()
	}
}

func answer(line string) []byte {
	var out bytes.Buffer
	switch line {
	case "heap":
		pprof.Lookup("heap").WriteTo(&out, 0)
	case "grow":
		grow(500)
		drop()
		publish()
	case "churn":
		go func() {
			for {
				names, blobs = map[string]*bytes.Buffer{}, nil
				grow(10)
				runtime.GC()
			}
		}()
	}
	return out.Bytes()
}

func main() {
	grow(3000)
	drop()
	root = build(12)
	blobs = append(blobs, deep(40), deep(200))
	done := make(chan []byte)
	go func() { done <- make([]byte, 100000) }()
	blobs = append(blobs, <-done)
	publish()
	fmt.Println("READY {}")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		got := answer(in.Text())
		fmt.Println("OK", len(got))
		os.Stdout.Write(got)
	}
}
