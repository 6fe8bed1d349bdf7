// SPDX-License-Identifier: Apache-2.0

// Command heap makes a heap of objects of many sizes, half of them given back, says READY and where
// some of them stand, and then answers commands on standard input, one a line:
//
//	memstats	its own runtime.MemStats
//	churn		from now on goroutines allocate as fast as they can
//
// Between two answers it allocates nothing and collects nothing, unless it churns.
//
// Arguments: gogc=N, limit=BYTES (Go 1.19 and on).
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

type node struct {
	next  *node
	value [4]int
}

// Large enough for a span of its own, and with pointers.
type page struct {
	nodes [8192]*node
}

var (
	list    *node
	blobs   [][]byte
	tables  []*page
	words   = map[string]int{}
	dropped [][]byte
	waiting = make(chan int)
)

func fill() {
	for i := 0; i < 200000; i++ {
		list = &node{next: list}
	}
	for i := 0; i < 4000; i++ {
		blobs = append(blobs, make([]byte, 100+i%3000))
		words[strconv.Itoa(i)] = i
	}
	for i := 0; i < 12; i++ {
		tables = append(tables, new(page))
		blobs = append(blobs, make([]byte, 1<<20))
	}
	for i := 0; i < 60; i++ {
		dropped = append(dropped, make([]byte, 700000))
	}
}

// Every second node goes, and so do whole spans: one part back to the system, the other not.
func giveBack() {
	for n := list; n != nil && n.next != nil; n = n.next {
		n.next = n.next.next
	}
	dropped = dropped[:30:30]
	debug.FreeOSMemory()
	dropped = nil
	runtime.GC()
}

//go:noinline
func deep(n int) int {
	var room [64]int
	room[n%64] = n
	if n > 0 {
		return deep(n-1) + room[n%64]
	}
	waiting <- 0
	return room[0]
}

func address(p unsafe.Pointer) string {
	return strconv.FormatUint(uint64(uintptr(p)), 10)
}

var (
	stats  runtime.MemStats
	answer = make([]byte, 0, 1<<16)
	head   = make([]byte, 0, 64)
)

func number(name string, v uint64) {
	answer = append(answer, '"')
	answer = append(answer, name...)
	answer = append(answer, `": `...)
	answer = strconv.AppendUint(answer, v, 10)
	answer = append(answer, ", "...)
}

func memstats() {
	m := &stats
	runtime.ReadMemStats(m)
	answer = append(answer[:0], '{')
	number("Alloc", m.Alloc)
	number("TotalAlloc", m.TotalAlloc)
	number("Sys", m.Sys)
	number("Mallocs", m.Mallocs)
	number("Frees", m.Frees)
	number("HeapAlloc", m.HeapAlloc)
	number("HeapSys", m.HeapSys)
	number("HeapIdle", m.HeapIdle)
	number("HeapInuse", m.HeapInuse)
	number("HeapReleased", m.HeapReleased)
	number("HeapObjects", m.HeapObjects)
	number("StackInuse", m.StackInuse)
	number("StackSys", m.StackSys)
	number("MSpanInuse", m.MSpanInuse)
	number("MSpanSys", m.MSpanSys)
	number("MCacheInuse", m.MCacheInuse)
	number("MCacheSys", m.MCacheSys)
	number("BuckHashSys", m.BuckHashSys)
	number("GCSys", m.GCSys)
	number("OtherSys", m.OtherSys)
	number("NextGC", m.NextGC)
	number("LastGC", m.LastGC)
	number("PauseTotalNs", m.PauseTotalNs)
	number("NumGC", uint64(m.NumGC))
	number("NumForcedGC", uint64(m.NumForcedGC))
	answer = append(answer, `"GCCPUFraction": `...)
	answer = strconv.AppendFloat(answer, m.GCCPUFraction, 'g', -1, 64)
	answer = append(answer, `, "BySize": [`...)
	for i := range m.BySize {
		if i > 0 {
			answer = append(answer, ", "...)
		}
		answer = append(answer, '[')
		answer = strconv.AppendUint(answer, uint64(m.BySize[i].Size), 10)
		answer = append(answer, ", "...)
		answer = strconv.AppendUint(answer, m.BySize[i].Mallocs, 10)
		answer = append(answer, ", "...)
		answer = strconv.AppendUint(answer, m.BySize[i].Frees, 10)
		answer = append(answer, ']')
	}
	answer = append(answer, "]}"...)
	head = append(head[:0], "OK "...)
	head = strconv.AppendInt(head, int64(len(answer)), 10)
	head = append(head, '\n')
	os.Stdout.Write(head)
	os.Stdout.Write(answer)
}

var sink [8][][]byte

func churn(i int) {
	for n := 0; ; n++ {
		if n%10000 == 0 {
			sink[i] = nil
		}
		sink[i] = append(sink[i], make([]byte, 16+n%2000))
	}
}

// readLine reads without the poller, and allocates nothing.
func readLine(line []byte) []byte {
	n := 0
	for n < len(line) {
		got, err := syscall.Read(0, line[n:n+1])
		if got <= 0 || err != nil {
			os.Exit(0)
		}
		if line[n] == '\n' {
			break
		}
		n++
	}
	return line[:n]
}

func main() {
	gogc := 150
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(arg, "gogc=") {
			gogc, _ = strconv.Atoi(arg[5:])
		}
		if strings.HasPrefix(arg, "limit=") {
			limit, _ := strconv.ParseInt(arg[6:], 10, 64)
			setLimit(limit)
		}
	}
	debug.SetGCPercent(gogc)
	touchC()
	// Who asks for the profile has it: the linker switches it off otherwise.
	runtime.MemProfile(nil, false)
	fill()
	for i := 0; i < 200; i++ {
		go deep(20 + i%40)
	}
	giveBack()
	fmt.Printf("READY {\"pid\": %d, \"gogc\": %d, \"node\": %s, \"blob\": %s, \"table\": %s, "+
		"\"live_nodes\": 100000}\n", os.Getpid(), gogc, address(unsafe.Pointer(list)),
		address(unsafe.Pointer(&blobs[len(blobs)-1][0])), address(unsafe.Pointer(tables[0])))
	runtime.ReadMemStats(&stats)
	line := make([]byte, 32)
	for {
		switch string(readLine(line)) {
		case "memstats":
			memstats()
		case "churn":
			for i := range sink {
				go churn(i)
			}
			os.Stdout.WriteString("OK 0\n")
		}
	}
}
