// SPDX-License-Identifier: Apache-2.0

// Command cgotrace calls C: some goroutines wait there, one leaks C memory, and its healthy twin frees
// what it allocates after a while. It says READY and its truth. Commands on standard input, one a line:
//
//	block N	N more goroutines that wait in C, each on a thread of its own; answers when all do
//	counts	how often each site has allocated
package main

/*
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int waiting;
// Beside the g of Go's own, so that the g's word is not where it usually is.
static __thread volatile long own_word[5];

static void wait_in_c(void)
{
	pthread_mutex_lock(&lock);
	waiting++;
	for (;;)
		pthread_cond_wait(&never, &lock);
}

static int waiting_now(void)
{
	int n;

	own_word[0]++;
	pthread_mutex_lock(&lock);
	n = waiting;
	pthread_mutex_unlock(&lock);
	return n;
}

__attribute__((noinline)) static void *leak_in_c(size_t n)
{
	char *p = malloc(n);

	p[0] = 1;
	return p;
}

__attribute__((noinline)) static void *twin_in_c(size_t n)
{
	char *p = malloc(n);

	p[0] = 1;
	return p;
}

static void *leak_at(void) { return leak_in_c; }
static void *twin_at(void) { return twin_in_c; }
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

const twinKeeps = 300 * time.Millisecond

var leaks, twins int64

//go:noinline
func blockInC() { C.wait_in_c() }

//go:noinline
func leakOne() {
	C.leak_in_c(120)
	atomic.AddInt64(&leaks, 1)
}

func leaker() {
	for {
		leakOne()
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func twinOne() unsafe.Pointer {
	atomic.AddInt64(&twins, 1)
	return C.twin_in_c(120)
}

func twin() {
	type entry struct {
		p  unsafe.Pointer
		at time.Time
	}
	var kept []entry
	for {
		kept = append(kept, entry{twinOne(), time.Now()})
		for len(kept) > 0 && time.Since(kept[0].at) > twinKeeps {
			C.free(kept[0].p)
			kept = kept[1:]
		}
		time.Sleep(time.Millisecond)
	}
}

func block(n int) {
	want := int(C.waiting_now()) + n
	for i := 0; i < n; i++ {
		go blockInC()
	}
	for int(C.waiting_now()) < want {
		time.Sleep(time.Millisecond)
	}
}

func answer(json string) { fmt.Printf("OK %d\n%s", len(json), json) }

func main() {
	go leaker()
	go twin()
	fmt.Printf(`READY {"sites": {"leak_in_c": {"at": %d, "go": "main.leakOne"}, `+
		`"twin_in_c": {"at": %d, "go": "main.twinOne"}}, "blocked_in": "main.blockInC"}`+"\n",
		uintptr(C.leak_at()), uintptr(C.twin_at()))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var n int
		if strings.HasPrefix(in.Text(), "block ") {
			fmt.Sscan(in.Text()[6:], &n)
			block(n)
			answer("{}")
		} else {
			answer(fmt.Sprintf(`{"leak_in_c": %d, "twin_in_c": %d}`, atomic.LoadInt64(&leaks),
				atomic.LoadInt64(&twins)))
		}
	}
}
