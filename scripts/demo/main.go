// SPDX-License-Identifier: Apache-2.0

// A small shop that leaks goroutines the way real services do, for scripts/quickstart.
//
// It serves HTTP on a free loopback port, sends itself a few hundred requests, and prints
// READY with what it leaked once nothing moves any more; with the argument "traffic" it goes on to
// send requests, and to leak. It ends with its parent.
// The leaks are in leaks.go, the look-alikes that must not be blamed in healthy.go.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// How often each page is asked for; requests of all but the last leave goroutines behind.
var load = []struct {
	path  string
	times int
}{
	{"/price", 240},
	{"/audit", 60},
	{"/stock", 36},
	{"/reload", 12},
	{"/order", 300},
}

func main() {
	log.SetFlags(0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	shop := newShop(listenSilently())
	server := &http.Server{Handler: shop.routes(), ReadHeaderTimeout: time.Minute}
	allowReaders()
	go endWithParent(os.Getppid())
	go func() { log.Fatal(server.Serve(listener)) }()

	shop.healthy()
	drive("http://" + listener.Addr().String())
	settle()

	truth, _ := json.Marshal(map[string]any{
		"pid": os.Getpid(), "addr": listener.Addr().String(), "leaks": leaked.counts(),
	})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	fmt.Printf("READY %s\n", truth)
	if len(os.Args) > 1 && os.Args[1] == "traffic" {
		go keepDriving("http://" + listener.Addr().String())
	}
	<-stop
}

// allowReaders lets any process of the same user read this one's memory where Yama restricts that
// to a process's ancestors (kernel.yama.ptrace_scope=1); elsewhere it fails and nothing is lost.
func allowReaders() {
	const prSetPtracer, anyProcess = 0x59616d61, ^uintptr(0)
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetPtracer, anyProcess, 0)
}

// listenSilently is the peer that accepts connections and never answers, as a host behind
// a half-broken firewall does: the kernel completes the handshakes, nobody calls accept.
func listenSilently() net.Listener {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return silent
}

func drive(base string) {
	var clients sync.WaitGroup
	client := &http.Client{Timeout: 20 * time.Second}
	for _, page := range load {
		jobs := make(chan struct{})
		for i := 0; i < 6; i++ {
			clients.Add(1)
			go func(url string) {
				defer clients.Done()
				for range jobs {
					get(client, url)
				}
			}(base + page.path)
		}
		for i := 0; i < page.times; i++ {
			jobs <- struct{}{}
		}
		close(jobs)
	}
	clients.Wait()
	client.CloseIdleConnections()
}

// keepDriving asks for each page now and then, so that what leaks goes on to leak.
func keepDriving(base string) {
	client := &http.Client{Timeout: 20 * time.Second}
	for range time.Tick(time.Second) {
		for _, page := range load {
			for i := 0; i <= page.times/60; i++ {
				get(client, base+page.path)
			}
		}
	}
}

func get(client *http.Client, url string) {
	answer, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

// settle waits until the number of goroutines has stood still for half a second.
func settle() {
	last, still := 0, 0
	for still < 10 {
		time.Sleep(50 * time.Millisecond)
		still++
		if n := runtime.NumGoroutine(); n != last {
			last, still = n, 0
		}
	}
}

// endWithParent keeps the demo from outliving the script that started it.
func endWithParent(parent int) {
	for range time.Tick(200 * time.Millisecond) {
		if os.Getppid() != parent {
			os.Exit(0)
		}
	}
}
