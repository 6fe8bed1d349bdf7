// SPDX-License-Identifier: Apache-2.0

// Command bench parks N goroutines at 20 sites, DEPTH to DEPTH+4 calls below the first function, and
// watches a 1 ms ticker of its own. Commands on standard input, one a line, each answered by one
// line:
//
//	reset		forgets the longest gap, from the next tick on; answers 0
//	gap		the longest gap between two ticks since the last reset, in ns
//	pprof1, pprof2	writes that profile to nowhere; answers the ns that it took and its bytes
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"time"
)

var (
	never   = make(chan int)
	longest int64
	anew    = make(chan bool)
)

func ticker() {
	last := time.Now()
	for range time.Tick(time.Millisecond) {
		now := time.Now()
		select {
		case <-anew:
			// The gap that ends here began before.
			atomic.StoreInt64(&longest, 0)
			last = now
			continue
		default:
		}
		if gap := int64(now.Sub(last)); gap > atomic.LoadInt64(&longest) {
			atomic.StoreInt64(&longest, gap)
		}
		last = now
	}
}

type counter struct{ n int }

func (c *counter) Write(b []byte) (int, error) {
	c.n += len(b)
	return len(b), nil
}

func profile(debug int) string {
	c, start := &counter{}, time.Now()
	pprof.Lookup("goroutine").WriteTo(c, debug)
	return fmt.Sprint(int64(time.Since(start)), " ", c.n)
}

func obey(word string) string {
	switch word {
	case "reset":
		anew <- true
		return "0"
	case "gap":
		return fmt.Sprint(atomic.LoadInt64(&longest))
	case "pprof1":
		return profile(1)
	case "pprof2":
		return profile(2)
	}
	return "?"
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	depth := 3
	if len(os.Args) > 2 {
		if depth, err = strconv.Atoi(os.Args[2]); err != nil {
			panic(err)
		}
	}
	for i := 0; i < n; i++ {
		go sites[i%len(sites)](depth + i%len(sites)%5)
		// Let them park as they come: a million runnable ones at once take far longer.
		if i%1000 == 0 {
			runtime.Gosched()
		}
	}
	go ticker()
	for atomic.LoadInt64(&parked) != int64(n) {
		time.Sleep(10 * time.Millisecond)
	}
	runtime.GC()
	fmt.Printf("READY {\"goroutines\": %d}\n", runtime.NumGoroutine())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(obey(in.Text()))
	}
}
