// SPDX-License-Identifier: Apache-2.0

// Command goroutines parks known numbers of goroutines in every way that Go has, prints
// `READY {truth}` and then answers commands on standard input, one a line:
//
//	pprof1, pprof2	its own goroutine profile, debug=1 or debug=2
//	truth		the truth again (lengths and states may be read anew)
//	late		parks one more group, now, and prints the truth of it
//	gc		runtime.GC()
//	churn on|off	goroutines that are born, grow their stacks, park and die
//	busy on|off	a goroutine that never parks
//	beat		how its heartbeat fared since the last time this was asked
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
	"strings"
)

func main() { run() }

func answer(b []byte) {
	fmt.Printf("DATA %d\n", len(b))
	os.Stdout.Write(b)
}

func answerJSON(v interface{}) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	answer(b)
}

func profile(debug int) []byte {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, debug)
	return b.Bytes()
}

// run is main's body, apart from it because a c-shared library has no main.
func run() {
	go heartbeat()
	spawnChans()
	spawnSelects()
	spawnLocks()
	spawnTimers()
	spawnIO()
	spawnStacks()
	spawnNewer()
	spawnCgo()
	awaitParked()
	b, err := json.Marshal(truth())
	if err != nil {
		panic(err)
	}
	fmt.Printf("READY %s\n", b)

	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		obey(strings.Fields(in.Text()))
	}
}

func obey(words []string) {
	switch strings.Join(words, " ") {
	case "pprof1":
		answer(profile(1))
	case "pprof2":
		answer(profile(2))
	case "truth":
		answerJSON(truth())
	case "late":
		spawnLate()
		awaitParked()
		answerJSON(truth())
	case "gc":
		runtime.GC()
		answer(nil)
	case "churn on":
		churn(true)
		answer(nil)
	case "churn off":
		churn(false)
		answer(nil)
	case "busy on":
		busy(true)
		answer(nil)
	case "busy off":
		busy(false)
		answer(nil)
	case "beat":
		answerJSON(takeBeat())
	case "exit":
		os.Exit(0)
	default:
		answer([]byte("unknown command"))
	}
}
