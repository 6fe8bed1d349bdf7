// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
)

// healthy starts what waits as long as the leaks do, and is right to: workers without work,
// a cache that is swept now and then, subscribers of a broadcast.
func (s *shop) healthy() {
	for i := 0; i < 8; i++ {
		go s.work()
	}
	go sweep(time.NewTicker(30 * time.Second))

	var mu sync.Mutex
	news := sync.NewCond(&mu)
	for i := 0; i < 4; i++ {
		go subscribe(news)
	}
	go broadcast(news)
}

func (s *shop) work() {
	for o := range s.orders {
		o.done <- nil
	}
}

func sweep(ticker *time.Ticker) {
	for range ticker.C {
	}
}

func subscribe(news *sync.Cond) {
	for {
		news.L.Lock()
		news.Wait()
		news.L.Unlock()
	}
}

func broadcast(news *sync.Cond) {
	for range time.Tick(time.Minute) {
		news.Broadcast()
	}
}
