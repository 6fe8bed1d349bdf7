// SPDX-License-Identifier: Apache-2.0

// Command typed has a heap of known types and no way to show a profile of it, so that the linker
// turns the profile off. Argument: how many of the records it has. It says READY with how many objects of which types it holds, and waits for
// its standard input to end.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// Each over 512 bytes and with pointers: since Go 1.22 their type stands in front of them.
type record struct {
	next  *record
	words [80]int
}

type node struct {
	children [100]*node
}

// Large: a span of its own.
type table struct {
	rows [10000]*record
}

const nodes, tables, blobs = 700, 5, 2000

var (
	list  *record
	index []*node
	all   []*table
	bytes [][]byte
)

func main() {
	records := 3000
	if len(os.Args) > 1 {
		records, _ = strconv.Atoi(os.Args[1])
	}
	for i := 0; i < records; i++ {
		list = &record{next: list}
	}
	for i := 0; i < nodes; i++ {
		index = append(index, new(node))
	}
	for i := 0; i < tables; i++ {
		all = append(all, new(table))
	}
	for i := 0; i < blobs; i++ {
		bytes = append(bytes, make([]byte, 4096))
	}
	runtime.GC()
	fmt.Printf(`READY {"types": {"main.record": %d, "main.node": %d, "main.table": %d}, `+
		`"blobs": %d}`+"\n", records, nodes, tables, blobs)
	os.Stdin.Read(make([]byte, 1))
}
