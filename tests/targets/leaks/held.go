// SPDX-License-Identifier: Apache-2.0

package main

import "runtime"

// Sizes are those that the allocator has as well: nothing is rounded.
const bufferSize = 256 << 10

type node struct {
	body *[6]uint64
	next *node
}

// With its body, and its place in the list; a list is no chain, or else one old word on a stack
// would keep what comes behind.
const nodeSize = 16 + 48 + 8

type document struct {
	title    *string
	buffer   []byte
	chapters []*node
}

//go:noinline
func nodes() []*node {
	all := make([]*node, 1024)
	for i := range all {
		all[i] = &node{body: &[6]uint64{}}
	}
	return all
}

//go:noinline
func sendWithBuffer(s *spot, ch chan int, buffer []byte) {
	s.enter()
	ch <- 1
	buffer[0]++
	runtime.KeepAlive(buffer)
}

//go:noinline
func recvWithNodes(s *spot, ch chan *node, list []*node) {
	s.enter()
	list[0].next = <-ch
	runtime.KeepAlive(list)
}

//go:noinline
func sendDocument(s *spot, ch chan *document, d *document) {
	s.enter()
	ch <- d
}

//go:noinline
func lockWithBuffer(s *spot, a *account, buffer []byte) {
	s.enter()
	a.mu.Lock()
	runtime.KeepAlive(buffer)
}

//go:noinline
func recvShared(s *spot, ch chan int, buffer []byte) {
	s.enter()
	<-ch
	runtime.KeepAlive(buffer)
}

//go:noinline
func recvOfAll(s *spot, ch chan int, buffer []byte) {
	s.enter()
	<-ch
	runtime.KeepAlive(buffer)
}

//go:noinline
func recvFullBuffer(s *spot, ch chan int, results chan []byte) {
	s.enter()
	<-ch
	runtime.KeepAlive(results)
}

var everybodys = make([]byte, 1<<20)

func spawnHeld() {
	s := leak("orphan-send", "held/a buffer each", 6, "chan send")
	s.HeapBytes = 6 * bufferSize
	for i := 0; i < 6; i++ {
		go sendWithBuffer(s, make(chan int), make([]byte, bufferSize))
	}
	s = leak("orphan-recv", "held/a list each", 4, "chan receive")
	s.HeapBytes = 4 * 1024 * nodeSize
	for i := 0; i < 4; i++ {
		go recvWithNodes(s, make(chan *node), nodes())
	}
	s = leak("orphan-send", "held/what is sent", 3, "chan send")
	s.HeapBytes = 3 * (bufferSize + 1024*nodeSize)
	for i := 0; i < 3; i++ {
		title := "a title"
		go sendDocument(s, make(chan *document),
			&document{&title, make([]byte, bufferSize), nodes()})
	}
	s = leak("mutex-never-unlocked", "held/by a lock", 3, onMutex)
	s.HeapBytes = 3 * bufferSize
	for i := 0; i < 3; i++ {
		a := newAccount()
		a.mu.Lock()
		go lockWithBuffer(s, a, make([]byte, bufferSize))
	}
	// One buffer that all of them have counts once.
	s = leak("orphan-recv", "held/shared", 4, "chan receive")
	shared := make([]byte, 4*bufferSize)
	s.HeapBytes = 4 * bufferSize
	for i := 0; i < 4; i++ {
		go recvShared(s, make(chan int), shared)
	}
	s = leak("orphan-recv", "held/in another channel", 2, "chan receive")
	s.HeapBytes = 2 * 8 * 64 << 10
	for i := 0; i < 2; i++ {
		results := make(chan []byte, 8)
		for j := 0; j < 8; j++ {
			results <- make([]byte, 64<<10)
		}
		go recvFullBuffer(s, make(chan int), results)
	}
	// What others have as well is not theirs.
	s = leak("orphan-recv", "held/by others too", 3, "chan receive")
	s.HeapBytes = 3 * 64 << 10
	for i := 0; i < 3; i++ {
		go recvOfAllWith(s, make([]byte, 64<<10))
	}
}

//go:noinline
func recvOfAllWith(s *spot, own []byte) {
	recvOfAll(s, make(chan int), everybodys)
	runtime.KeepAlive(own)
}
