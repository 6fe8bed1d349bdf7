// SPDX-License-Identifier: Apache-2.0

// Command careless is what c/careless.c is, through cgo: two sites of C memory that leak, one often
// and one in 1,000 requests, among healthy ones: a buffer that each request parses in, a cache of
// 1 s, and sessions of 30 s that nobody looks at meanwhile. It prints its truth: which sites there
// are, and the Go function that calls each leak.
package main

/*
#include <stdlib.h>
#include <string.h>

#define SITE(name) \
	__attribute__((noipa, noinline)) static void *name(size_t n) \
	{ \
		char *p = malloc(n); \
		if (!p) \
			abort(); \
		memset(p, 1, n); \
		return p; \
	}

SITE(parse_buffer)
SITE(cache_entry)
SITE(new_session)
SITE(leak_often)
SITE(leak_rarely)
*/
import "C"

import (
	"fmt"
	"io"
	"math/rand"
	"os"
	"time"
	"unsafe"
)

const (
	workers    = 2
	requests   = 200
	cacheFor   = time.Second
	sessionFor = 30 * time.Second
)

// First in, first out, each for a time.
type kept struct {
	all   []entry
	lives time.Duration
}

type entry struct {
	p     unsafe.Pointer
	until time.Time
}

func (k *kept) keep(p unsafe.Pointer, now time.Time) {
	k.all = append(k.all, entry{p, now.Add(k.lives)})
}

func (k *kept) expire(now time.Time) {
	for len(k.all) > 0 && !k.all[0].until.After(now) {
		C.free(k.all[0].p)
		k.all = k.all[1:]
	}
}

//go:noinline
func decodeImage() { C.leak_often(150) }

//go:noinline
func reportError(n int) { C.leak_rarely(C.size_t(200 + n%300)) }

//go:noinline
func request(n int, now time.Time, cache, sessions *kept) {
	size := rand.Intn(2000)
	buffer := C.parse_buffer(C.size_t(20 + size))
	if n%4 == 0 {
		cache.keep(C.cache_entry(C.size_t(100+size%200)), now)
	}
	if n%100 == 1 {
		sessions.keep(C.new_session(C.size_t(300+size%500)), now)
	}
	if n%20 == 2 {
		decodeImage()
	}
	if n%1000 == 3 {
		reportError(size)
	}
	C.free(buffer)
}

func work() {
	cache, sessions := kept{lives: cacheFor}, kept{lives: sessionFor}
	for n := 0; ; {
		now := time.Now()
		cache.expire(now)
		sessions.expire(now)
		for i := 0; i < requests; i++ {
			request(n, now, &cache, &sessions)
			n++
		}
		time.Sleep(4 * time.Millisecond)
	}
}

func main() {
	for i := 0; i < workers; i++ {
		go work()
	}
	fmt.Println(`READY {"leaks": ["leak_often", "leak_rarely"],` +
		` "go": {"leak_often": "main.decodeImage", "leak_rarely": "main.reportError"},` +
		` "healthy": ["parse_buffer", "cache_entry", "new_session"], "caller": "main.request"}`)
	io.Copy(io.Discard, os.Stdin)
}
