// SPDX-License-Identifier: Apache-2.0

// Command tiny parks four goroutines, waits until they are parked, prints READY and waits for its standard input to end. It is
// what the bad-input tests maim: small, quick to build, and good on 32 bits and with old releases.
package main

import (
	"os"
	"runtime"
	"strings"
	"time"
)

var hold [4]chan int

func park(ch chan int) { <-ch }

func main() {
	for i := range hold {
		hold[i] = make(chan int)
		go park(hold[i])
	}
	buf := make([]byte, 1<<14)
	for strings.Count(string(buf[:runtime.Stack(buf, true)]), "[chan receive") < len(hold) {
		time.Sleep(time.Millisecond)
	}
	os.Stdout.WriteString("READY {}\n")
	os.Stdin.Read(make([]byte, 1))
}
