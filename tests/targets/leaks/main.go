// SPDX-License-Identifier: Apache-2.0

// Command leaks has goroutines that can never run again, of every pattern that loiter knows by
// name and each in several shapes; beside them goroutines that run the same code and wait for
// something that a live holder can still reach. It prints `READY {truth}` and then answers commands
// on standard input, one a line:
//
//	truth	the truth again
//	scrub	overwrites what those who parked have left on stacks that count as a whole
//	leaks	the runtime's own goroutineleak profile, debug=2; empty where it has none (Go 1.26 with
//		GOEXPERIMENT=goroutineleakprofile, Go 1.27)
//	exit
//
// Each answer is `DATA length` on a line and then that many bytes. It compiles with every release
// from Go 1.18 on.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

func answer(b []byte) {
	fmt.Printf("DATA %d\n", len(b))
	os.Stdout.Write(b)
}

func marshal(v interface{}) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func ownLeaks() []byte {
	var b bytes.Buffer
	if p := pprof.Lookup("goroutineleak"); p != nil {
		p.WriteTo(&b, 2)
	}
	return b.Bytes()
}

// obey runs on a goroutine of its own: main's waits for ever, as in many a program.
func obey(begin chan bool) {
	clear()
	<-begin
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		switch in.Text() {
		case "truth":
			answer(marshal(truth()))
		case "scrub":
			scrub()
			answer(nil)
		case "leaks":
			answer(ownLeaks())
		case "exit":
			os.Exit(0)
		default:
			answer([]byte("unknown command"))
		}
	}
	os.Exit(0)
}

// spawn has a goroutine of its own as well, so that no stack that lives on has seen what leaks.
func spawn(done *sync.WaitGroup) {
	defer done.Done()
	// First, who may be in the middle of something when it is looked at: of those everything that
	// stands on the stack counts, and a stack that somebody had before is not empty.
	spawnHealthy()
	spawnLiveSelects()
	spawnBusyLocks()
	spawnNewer()
	spawnSenders()
	spawnReceivers()
	spawnWorkers()
	spawnEndless()
	spawnSelects()
	spawnLocks()
	spawnWaiters()
	spawnHeld()
	awaitParked()
	scrub()
	awaitParked()
	fmt.Printf("READY %s\n", marshal(truth()))
}

// clear overwrites what earlier owners of the stack have left below.
//
//go:noinline
func clear() byte {
	var zeros [1200]byte
	keepBytes(zeros[:])
	return zeros[600]
}

//go:noinline
func keepBytes([]byte) {}

// scrub parks and wakes goroutines that have nothing to do with the others, on as many threads as
// will: the stacks that the scheduler runs on hold the addresses of who parked last.
func scrub() {
	for round := 0; round < 4; round++ {
		var all sync.WaitGroup
		gate, busy := make(chan bool), make(chan bool, 64)
		for i := 0; i < 64; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				clear()
				select {
				case <-gate:
				case busy <- true:
					time.Sleep(time.Millisecond)
				}
				<-gate
			}()
		}
		time.Sleep(2 * time.Millisecond)
		close(gate)
		all.Wait()
		runtime.GC()
	}
}

func main() {
	var done sync.WaitGroup
	done.Add(1)
	begin := make(chan bool)
	go obey(begin)
	go spawn(&done)
	done.Wait()
	close(begin)
	select {}
}
