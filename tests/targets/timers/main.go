// SPDX-License-Identifier: Apache-2.0

// Command timers makes timers in one way, that its argument names, prints `READY {truth}` and waits
// for its standard input to end. What piles up, up to Go 1.22:
//
//	after	4 goroutines take 60,000 messages, each with a time.After in the loop's select
//	nested	the same, the select in a function that the loop calls
//	newtimer	the same with a time.NewTimer that is never stopped
//	running	the same in a goroutine that never waits
//	many	400,000 in one loop
//	grow	250 messages a second, for as long as it runs
//
// and what does not, though it has many timers:
//
//	connections	12,000 goroutines with an armed timer each, that wait for something else
//	requests	30,000 goroutines with a time.After of five minutes, answered at once
//	stop	60,000 rounds that stop their time.NewTimer
//	reset	60,000 rounds with one timer
//	func	20,000 of time.AfterFunc and 20,000 of context.WithTimeout
//	soon	60,000 rounds with a time.After of 20 seconds
//	limiter	two goroutines that wait a millisecond between rounds
//	sleep	12,000 goroutines in time.Sleep, 12,000 that wait for a time.After
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

type truth struct {
	Pid      int    `json:"pid"`
	Leaks    bool   `json:"leaks"`
	Unwaited int    `json:"unwaited"`
	Func     string `json:"func,omitempty"`
	Bytes    uint64 `json:"bytes"`
}

type way struct {
	leaks    bool
	unwaited int
	function string
	run      func(n int)
}

var ways = map[string]way{
	"after":       {true, 60000, "main.consume", func(n int) { feed(n, consume) }},
	"nested":      {true, 60000, "main.takeOne", func(n int) { feed(n, consumeNested) }},
	"newtimer":    {true, 60000, "main.consumeNewTimer", func(n int) { feed(n, consumeNewTimer) }},
	"running":     {true, 60000, "main.run", running},
	"many":        {true, 400000, "main.consume", func(n int) { feed(n, consume) }},
	"grow":        {true, 0, "main.consume", grow},
	"connections": {false, 12000, "", connections},
	"requests":    {false, 30000, "", requests},
	"stop":        {false, 0, "", func(int) { feed(60000, consumeStop) }},
	"reset":       {false, 0, "", func(int) { feed(60000, consumeReset) }},
	"func":        {false, 0, "", func(int) { functions() }},
	"soon":        {false, 60000, "", func(n int) { feed(n, consumeSoon) }},
	"limiter":     {false, 0, "", func(int) { limiter() }},
	"sleep":       {false, 0, "", func(int) { sleepers() }},
}

const workers = 4

// feed returns when the workers have taken n messages; each waits for the next one then.
func feed(n int, take func(ch chan int)) {
	ch := make(chan int)
	for i := 0; i < workers; i++ {
		go take(ch)
	}
	for i := 0; i < n; i++ {
		ch <- i
	}
}

var taken int64

func took() { atomic.AddInt64(&taken, 1) }

//go:noinline
func consume(ch chan int) {
	for {
		select {
		case <-ch:
			took()
		case <-time.After(time.Hour):
			return
		}
	}
}

//go:noinline
func consumeNested(ch chan int) {
	for takeOne(ch) {
		took()
	}
}

//go:noinline
func takeOne(ch chan int) bool {
	select {
	case <-ch:
		return true
	case <-time.After(time.Hour):
		return false
	}
}

//go:noinline
func consumeNewTimer(ch chan int) {
	for {
		t := time.NewTimer(time.Hour)
		select {
		case <-ch:
			took()
		case <-t.C:
			return
		}
	}
}

//go:noinline
func consumeStop(ch chan int) {
	for {
		t := time.NewTimer(time.Hour)
		select {
		case <-ch:
			took()
		case <-t.C:
			return
		}
		t.Stop()
	}
}

//go:noinline
func consumeReset(ch chan int) {
	t := time.NewTimer(time.Hour)
	for {
		select {
		case <-ch:
			took()
		case <-t.C:
			return
		}
		if !t.Stop() {
			<-t.C
		}
		t.Reset(time.Hour)
	}
}

//go:noinline
func consumeSoon(ch chan int) {
	for {
		select {
		case <-ch:
			took()
		case <-time.After(20 * time.Second):
		}
	}
}

func running(n int) {
	ready := make(chan bool)
	go run(n, ready)
	<-ready
}

//go:noinline
func run(n int, ready chan bool) {
	ch := make(chan int, 1)
	for i := 0; ; i++ {
		if i < n {
			ch <- i
			select {
			case <-ch:
			case <-time.After(time.Hour):
			}
		} else if i == n {
			close(ready)
		}
		took()
	}
}

func grow(int) {
	ch := make(chan int)
	go consume(ch)
	go func() {
		for range time.Tick(4 * time.Millisecond) {
			ch <- 1
		}
	}()
}

func connections(n int) {
	data := make(chan int)
	for i := 0; i < n; i++ {
		t := time.NewTimer(time.Hour)
		go func() {
			for range data {
				t.Reset(time.Hour)
			}
		}()
	}
}

func requests(n int) {
	done := make(chan bool)
	for i := 0; i < n; i++ {
		go request(done)
		<-done
	}
}

//go:noinline
func request(done chan bool) {
	answer := make(chan int, 1)
	answer <- 1
	select {
	case <-answer:
	case <-time.After(5 * time.Minute):
	}
	done <- true
}

var cancels []context.CancelFunc

func functions() {
	for i := 0; i < 20000; i++ {
		time.AfterFunc(time.Hour, took)
		_, cancel := context.WithTimeout(context.Background(), time.Hour)
		cancels = append(cancels, cancel)
	}
}

func limiter() {
	go func() {
		for {
			<-time.After(time.Millisecond)
			took()
		}
	}()
	go func() {
		for range time.Tick(time.Millisecond) {
			took()
		}
	}()
}

func sleepers() {
	for i := 0; i < 12000; i++ {
		go time.Sleep(time.Hour)
		go func() { <-time.After(time.Hour) }()
	}
}

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func main() {
	way, ok := ways[os.Args[1]]
	if !ok {
		panic(os.Args[1])
	}
	before := heapBytes()
	way.run(way.unwaited)
	after := heapBytes()
	text, err := json.Marshal(truth{os.Getpid(), way.leaks, way.unwaited, way.function, after - before})
	if err != nil {
		panic(err)
	}
	fmt.Printf("READY %s\n", text)
	io.Copy(io.Discard, os.Stdin)
}
