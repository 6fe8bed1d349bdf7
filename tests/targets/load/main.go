// SPDX-License-Identifier: Apache-2.0

// Command load does one kind of work without end, for the bench of `loiter attach`:
//
//	load http		serves "hello" on a port of its own
//	load client PORT	16 connections that ask for it, each as soon as it is answered
//	load pingpong		two goroutines that pass a word over two channels
//	load spawn		goroutines that end as soon as they have run
//
// It says READY, with the port where there is one. Each line on standard input is answered by one: the units of work done so far, the CPU time spent
// so far in ns, and the 99th percentile of the client's latencies since the last line in ns.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	units     int64
	lock      sync.Mutex
	latencies []int64
)

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return l
}

func serve(l net.Listener) {
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atomic.AddInt64(&units, 1)
		io.WriteString(w, "hello\n")
	})))
}

func ask(client *http.Client, url string) {
	for {
		start := time.Now()
		answer, err := client.Get(url)
		if err != nil {
			// The server ended before we were told to.
			return
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		took := int64(time.Since(start))
		atomic.AddInt64(&units, 1)
		lock.Lock()
		latencies = append(latencies, took)
		lock.Unlock()
	}
}

func clients(port string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for i := 0; i < 16; i++ {
		go ask(client, "http://127.0.0.1:"+port+"/")
	}
}

func percentile() int64 {
	lock.Lock()
	taken := latencies
	latencies = nil
	lock.Unlock()
	if len(taken) == 0 {
		return 0
	}
	sort.Slice(taken, func(i, j int) bool { return taken[i] < taken[j] })
	return taken[len(taken)*99/100]
}

func pingPong() {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	for i := 0; ; i++ {
		there <- i
		<-back
		atomic.AddInt64(&units, 1)
	}
}

func spawn() {
	for {
		var all sync.WaitGroup
		for i := 0; i < 100; i++ {
			all.Add(1)
			go all.Done()
		}
		all.Wait()
		atomic.AddInt64(&units, 100)
	}
}

func cpu() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

func main() {
	ready := "{}"
	switch os.Args[1] {
	case "http":
		l := listen()
		ready = fmt.Sprintf(`{"port": %d}`, l.Addr().(*net.TCPAddr).Port)
		go serve(l)
	case "client":
		clients(os.Args[2])
	case "pingpong":
		go pingPong()
	case "spawn":
		go spawn()
	default:
		panic(os.Args[1])
	}
	fmt.Println("READY", ready)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		p99 := percentile()
		fmt.Println(atomic.LoadInt64(&units), cpu(), p99)
	}
}
