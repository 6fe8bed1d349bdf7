// SPDX-License-Identifier: Apache-2.0

// Command grower runs some of the following at once, those that its arguments name, prints
// `READY {truth}` and then obeys its standard input: "exit", "exec" (/bin/sleep), "leak" (growth
// begins now), or its end. What leaks:
//
//	growth	a goroutine sends to a channel that nobody receives from, 20 a second
//	sleep	a goroutine sleeps for an hour, 20 a second
//	rpc	a connection of net/rpc that nobody closes, 20 a second
//	read	a goroutine reads from a peer that never answers, 20 a second
//	body	an HTTP response whose body is not closed, 20 a second
//	labels	as growth, each with a pprof label of its own
//	ticker	a goroutine wakes up ten times a second for ever, 20 of these a second
//
// and what does not, though it looks like it for a while:
//
//	burst	400 goroutines in a second, gone in the next; again and again
//	pool	50 workers, started within a second, which then wait for work that comes
//	cache	200 entries with a goroutine each, filled by random keys
//	bounded	a goroutine of 700 ms, 50 a second
//	idle	40 goroutines that wait from the start
//
// The truth says which function each of them is parked in, and whether it leaks.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

const everyLeak = 50 * time.Millisecond

type site struct {
	Name    string `json:"name"`
	Func    string `json:"func"`
	Leaks   bool   `json:"leaks"`
	Pattern string `json:"pattern,omitempty"`
	PerMin  int    `json:"per_min,omitempty"`
	run     func()
}

var sites = []site{
	{"growth", "main.sendForever", true, "growing-group", 1200, growth},
	{"sleep", "main.sleepLong", true, "sleeping", 1200, sleeping},
	{"rpc", "net/rpc.(*Client).input", true, "held-connections", 1200, heldConnections},
	{"read", "main.readForever", true, "io-no-deadline", 1200, reading},
	{"body", "net/http.(*persistConn).readLoop", true, "http-body-open", 1200, openBodies},
	{"labels", "main.sendLabelled", true, "growing-group", 1200, labelled},
	{"ticker", "main.tickForever", true, "sleeping", 1200, ticking},
	{"burst", "main.burstOne", false, "", 0, bursts},
	{"pool", "main.poolWorker", false, "", 0, pool},
	{"cache", "main.cacheEntry", false, "", 0, cache},
	{"bounded", "main.boundedOne", false, "", 0, bounded},
	{"idle", "main.idleOne", false, "", 0, idle},
}

func growth() {
	for range time.Tick(everyLeak) {
		go sendForever(make(chan int))
	}
}

//go:noinline
func sendForever(ch chan int) { ch <- 1 }

func labelled() {
	n := 0
	for range time.Tick(everyLeak) {
		n++
		pprof.Do(context.Background(), pprof.Labels("request", strconv.Itoa(n)),
			func(context.Context) { go sendLabelled(make(chan int)) })
	}
}

//go:noinline
func sendLabelled(ch chan int) { ch <- 1 }

func sleeping() {
	for range time.Tick(everyLeak) {
		go sleepLong()
	}
}

//go:noinline
func sleepLong() { time.Sleep(time.Hour) }

func ticking() {
	for range time.Tick(everyLeak) {
		go tickForever()
	}
}

//go:noinline
func tickForever() {
	for range time.NewTicker(100 * time.Millisecond).C {
	}
}

// silent accepts connections and neither answers nor closes them.
func silent() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go accept(l)
	return l.Addr().String()
}

// Each keeps its own: a connection that is lost is closed by the collector, and its peer leaves.
func accept(l net.Listener) {
	var kept []net.Conn
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		kept = append(kept, c)
	}
}

func heldConnections() {
	addr := silent()
	for range time.Tick(everyLeak) {
		c, err := rpc.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		clients = append(clients, c)
	}
}

var clients []*rpc.Client

func reading() {
	addr := silent()
	for range time.Tick(everyLeak) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		go readForever(c)
	}
}

//go:noinline
func readForever(c net.Conn) { c.Read(make([]byte, 1)) }

// openBodies is its own server, one without a goroutine for each connection.
func openBodies() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				panic(err)
			}
			served = append(served, c)
			c.Read(make([]byte, 4096))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
		}
	}()
	for range time.Tick(everyLeak) {
		if _, err := http.Get("http://" + l.Addr().String()); err != nil {
			panic(err)
		}
	}
}

var served []net.Conn

func bursts() {
	for range time.Tick(2 * time.Second) {
		done := make(chan bool)
		times(400, 2*time.Millisecond, func() { go burstOne(done) })
		close(done)
	}
}

// What comes to an end does so in its time, also on a machine that wakes everybody late.
func times(n int, every time.Duration, do func()) {
	start := time.Now()
	for i := 0; i < n; i++ {
		time.Sleep(time.Until(start.Add(time.Duration(i) * every)))
		do()
	}
}

//go:noinline
func burstOne(done chan bool) { <-done }

func pool() {
	work := make(chan int)
	times(50, 20*time.Millisecond, func() { go poolWorker(work) })
	for i := range time.Tick(10 * time.Millisecond) {
		work <- i.Nanosecond()
	}
}

//go:noinline
func poolWorker(work chan int) {
	for range work {
	}
}

func cache() {
	entries := make(map[int]chan int)
	times(math.MaxInt, 2*time.Millisecond, func() {
		key := rand.Intn(200)
		if entries[key] == nil {
			entries[key] = make(chan int)
			go cacheEntry(entries[key])
		}
	})
}

//go:noinline
func cacheEntry(ask chan int) { <-ask }

func bounded() {
	for range time.Tick(20 * time.Millisecond) {
		go boundedOne()
	}
}

//go:noinline
func boundedOne() { time.Sleep(700 * time.Millisecond) }

func idle() {
	for i := 0; i < 40; i++ {
		go idleOne()
	}
}

//go:noinline
func idleOne() { <-make(chan int) }

func main() {
	var mine []site
	// A connection takes two descriptors.
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		files.Cur = files.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files)
	}
	for _, word := range os.Args[1:] {
		for _, s := range sites {
			if s.Name == word {
				mine = append(mine, s)
				go s.run()
			}
		}
	}
	truth, err := json.Marshal(map[string]interface{}{"pid": os.Getpid(), "sites": mine})
	if err != nil {
		panic(err)
	}
	fmt.Printf("READY %s\n", truth)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() && in.Text() != "exit" {
		if in.Text() == "exec" {
			panic(syscall.Exec("/bin/sleep", []string{"sleep", "60"}, nil))
		}
		if in.Text() == "leak" {
			go growth()
		}
	}
}
