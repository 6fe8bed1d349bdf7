// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

type shop struct {
	auditor  net.Listener
	orders   chan order
	reloaded chan string // never made

	mu    sync.Mutex
	stock map[string]int
}

type order struct {
	item string
	done chan error
}

func newShop(auditor net.Listener) *shop {
	return &shop{
		auditor: auditor,
		orders:  make(chan order),
		stock:   map[string]int{"lamp": 3},
	}
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/price", s.price)
	mux.HandleFunc("/audit", s.audit)
	mux.HandleFunc("/stock", s.countStock)
	mux.HandleFunc("/reload", s.reload)
	mux.HandleFunc("/order", s.placeOrder)
	return mux
}

// leaked is the demo's own truth: how many goroutines each function left behind.
var leaked tally

type tally struct {
	mu sync.Mutex
	by map[string]int
}

func (t *tally) add(where string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = make(map[string]int)
	}
	t.by[where] += n
}

func (t *tally) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by
}

// price gives up on a slow supplier after a timeout: the supplier's goroutine then sends to a
// channel that nobody receives from any more. A buffer of 1 would cure it.
func (s *shop) price(w http.ResponseWriter, r *http.Request) {
	answer := make(chan int)
	go askSupplier(answer)
	select {
	case cents := <-answer:
		fmt.Fprintln(w, cents)
	case <-time.After(5 * time.Millisecond):
		fmt.Fprintln(w, "price unknown")
	}
}

func askSupplier(answer chan<- int) {
	time.Sleep(50 * time.Millisecond)
	leaked.add("main.askSupplier", 1)
	answer <- 1999
}

// audit reports to a peer that accepts connections and never answers, with a client that has no
// timeout: the request and its connection stay for good.
func (s *shop) audit(w http.ResponseWriter, r *http.Request) {
	url := "http://" + s.auditor.Addr().String() + "/audit"
	go sendAudit(url)
	fmt.Fprintln(w, "accepted")
}

func sendAudit(url string) {
	leaked.add("main.sendAudit", 1)
	answer, err := http.Get(url)
	if err == nil {
		answer.Body.Close()
	}
}

var errUnknownItem = errors.New("unknown item")

// countStock is asked in the background for an item that the shop does not have; the first one
// leaves the mutex locked on its way out, all later ones wait for it.
func (s *shop) countStock(w http.ResponseWriter, r *http.Request) {
	go s.lookUp("candle")
	fmt.Fprintln(w, "counting")
}

func (s *shop) lookUp(item string) (int, error) {
	leaked.add("main.(*shop).lookUp", 1)
	s.mu.Lock()
	n, ok := s.stock[item]
	if !ok {
		leaked.add("main.(*shop).lookUp", -1) // this one goes home
		return 0, errUnknownItem              // without Unlock
	}
	s.mu.Unlock()
	return n, nil
}

// reload waits for news on a channel that was never made.
func (s *shop) reload(w http.ResponseWriter, r *http.Request) {
	go s.awaitReload()
	fmt.Fprintln(w, "watching")
}

func (s *shop) awaitReload() {
	leaked.add("main.(*shop).awaitReload", 1)
	fmt.Println(<-s.reloaded)
}

// placeOrder is healthy: the workers answer, and the wait is bounded.
func (s *shop) placeOrder(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	o := order{item: "lamp", done: make(chan error, 1)}
	select {
	case s.orders <- o:
	case <-ctx.Done():
		return
	}
	select {
	case <-o.done:
		fmt.Fprintln(w, "ordered")
	case <-ctx.Done():
	}
}
