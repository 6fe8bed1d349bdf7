// SPDX-License-Identifier: Apache-2.0

package main

import "sync/atomic"

// Twenty sites, each a chain of a few frames that ends in a channel receive, a send or a select:
// what the goroutines of a server look like to whoever walks their stacks.

var parked int64

var (
	done = make(chan struct{})
	full = make(chan int)
)

//go:noinline
func site0(depth int) {
	if depth > 0 {
		site0(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site1(depth int) {
	if depth > 0 {
		site1(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

//go:noinline
func site2(depth int) {
	if depth > 0 {
		site2(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	select {
	case <-never:
	case <-done:
	}
}

//go:noinline
func site3(depth int) {
	if depth > 0 {
		site3(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site4(depth int) {
	if depth > 0 {
		site4(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

//go:noinline
func site5(depth int) {
	if depth > 0 {
		site5(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	select {
	case <-never:
	case <-done:
	}
}

//go:noinline
func site6(depth int) {
	if depth > 0 {
		site6(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site7(depth int) {
	if depth > 0 {
		site7(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

//go:noinline
func site8(depth int) {
	if depth > 0 {
		site8(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	select {
	case <-never:
	case <-done:
	}
}

//go:noinline
func site9(depth int) {
	if depth > 0 {
		site9(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site10(depth int) {
	if depth > 0 {
		site10(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

//go:noinline
func site11(depth int) {
	if depth > 0 {
		site11(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	select {
	case <-never:
	case <-done:
	}
}

//go:noinline
func site12(depth int) {
	if depth > 0 {
		site12(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site13(depth int) {
	if depth > 0 {
		site13(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

//go:noinline
func site14(depth int) {
	if depth > 0 {
		site14(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	select {
	case <-never:
	case <-done:
	}
}

//go:noinline
func site15(depth int) {
	if depth > 0 {
		site15(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site16(depth int) {
	if depth > 0 {
		site16(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

//go:noinline
func site17(depth int) {
	if depth > 0 {
		site17(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	select {
	case <-never:
	case <-done:
	}
}

//go:noinline
func site18(depth int) {
	if depth > 0 {
		site18(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	<-never
}

//go:noinline
func site19(depth int) {
	if depth > 0 {
		site19(depth - 1)
		return
	}
	atomic.AddInt64(&parked, 1)
	full <- depth
}

var sites = []func(int){
	site0, site1, site2, site3, site4,
	site5, site6, site7, site8, site9,
	site10, site11, site12, site13, site14,
	site15, site16, site17, site18, site19,
}
