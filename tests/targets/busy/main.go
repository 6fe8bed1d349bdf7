// SPDX-License-Identifier: Apache-2.0

// Command busy has one goroutine that never leaves the CPU, one that is mostly inside the kernel,
// one that waits, and one that works and rests in turn. It says their ids. Its only argument, if
// there is one, leaves the second out.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var sink uint64

//go:noinline
func spinInner(n uint64) uint64 {
	for i := uint64(0); i < 1000; i++ {
		n = n*6364136223846793005 + 1442695040888963407
	}
	return n
}

//go:noinline
func spin() {
	for {
		sink = spinInner(sink)
	}
}

//go:noinline
func callKernel() {
	if len(os.Args) > 1 {
		select {}
	}
	buf := make([]byte, 1<<16)
	f, err := syscall.Open("/dev/zero", 0, 0)
	if err != nil {
		panic(err)
	}
	for {
		syscall.Read(f, buf)
	}
}

// On the CPU about half of the time: a worker, and not a loop without an end.
//
//go:noinline
func work() {
	for {
		for end := time.Now().Add(5 * time.Millisecond); time.Now().Before(end); {
			spinInner(1)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func goid() int {
	buf := make([]byte, 64)
	text := string(buf[:runtime.Stack(buf, false)])
	id, err := strconv.Atoi(strings.Fields(text)[1])
	if err != nil {
		panic(err)
	}
	return id
}

func start(f func()) int {
	id := make(chan int)
	go func() {
		id <- goid()
		f()
	}()
	return <-id
}

func main() {
	never := make(chan int)
	truth := fmt.Sprintf(`{"pid": %d, "spin": %d, "kernel": %d, "waits": %d, "works": %d}`,
		os.Getpid(), start(spin), start(callKernel), start(func() { <-never }), start(work))
	fmt.Println("READY " + truth)
	os.Stdin.Read(make([]byte, 1))
}
