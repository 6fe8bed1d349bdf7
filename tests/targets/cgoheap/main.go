// SPDX-License-Identifier: Apache-2.0

// Cgoheap allocates C memory from Go, on threads of its own, and says what the C library says of
// it. Nothing is allocated or freed in C between commands.
//
// Commands on standard input, each answered with OK and the length of what follows:
//
//	make THREADS SIZE COUNT	so many threads allocate COUNT blocks of about SIZE
//	thin N			all but every Nth of them is freed, by its owner
//	info			mallinfo2()
package main

/*
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct block {
	void *at;
};

static void allocate(struct block *all, unsigned long n, unsigned long size)
{
	for (unsigned long i = 0; i < n; i++) {
		unsigned long bytes = size / 2 + i * 2654435761u % (size + 1);

		all[i].at = malloc(bytes);
		memset(all[i].at, 1, bytes);
	}
}

static void thin(struct block *all, unsigned long n, unsigned long nth)
{
	for (unsigned long i = 0; i < n; i++) {
		if (i % nth == 0)
			continue;
		free(all[i].at);
		all[i].at = NULL;
	}
}
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"
)

type order struct {
	nth  C.ulong
	done *sync.WaitGroup
}

// work owns its blocks on its thread until the end.
func work(size, count C.ulong, ready *sync.WaitGroup, orders <-chan order) {
	runtime.LockOSThread()
	// C memory that holds the pointers: one chunk with a mapping of its own when it is large.
	blocks := (*C.struct_block)(C.calloc(count, C.sizeof_struct_block))
	C.allocate(blocks, count, size)
	ready.Done()
	for o := range orders {
		C.thin(blocks, count, o.nth)
		o.done.Done()
	}
}

func answer(text string) {
	fmt.Printf("OK %d\n%s", len(text), text)
}

func info() string {
	m := C.mallinfo2()
	return fmt.Sprintf(`{"used": %d, "fastbin": %d, "system": %d, "mmapped": %d, "mmaps": %d}`,
		m.uordblks, m.fsmblks, m.arena, m.hblkhd, m.hblks)
}

func main() {
	var workers []chan order
	fmt.Printf("READY {\"pid\": %d}\n", os.Getpid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var word string
		var a, b, c int
		fmt.Sscan(lines.Text(), &word, &a, &b, &c)
		var all sync.WaitGroup
		switch word {
		case "make":
			all.Add(a)
			for i := 0; i < a; i++ {
				orders := make(chan order)
				workers = append(workers, orders)
				go work(C.ulong(b), C.ulong(c), &all, orders)
			}
			all.Wait()
			answer("{}")
		case "thin":
			all.Add(len(workers))
			for _, w := range workers {
				w <- order{C.ulong(a), &all}
			}
			all.Wait()
			answer("{}")
		case "info":
			answer(info())
		}
	}
}
