// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// Each function that blocks is used by leaks and by healthy goroutines alike.

type result struct {
	code  int
	body  [3]uint64
	cause error
}

//go:noinline
func sendOne(s *spot, ch chan int) {
	s.enter()
	ch <- 1
}

//go:noinline
func sendResult(s *spot, ch chan result) {
	s.enter()
	ch <- result{code: 7}
}

//go:noinline
func sendGeneric[T any](s *spot, ch chan<- T, v T) {
	s.enter()
	ch <- v
}

// produce sends until somebody stops to receive.
//
//go:noinline
func produce(s *spot, ch chan int, before int) {
	for i := 0; ; i++ {
		if i == before {
			s.enter()
		}
		ch <- i
	}
}

type client struct {
	name    string
	results chan result
}

//go:noinline
func (c *client) report(s *spot) {
	s.enter()
	c.results <- result{cause: errors.New(c.name)}
}

//go:noinline
func sendDeep(s *spot, ch chan int, depth int) int {
	if depth == 0 {
		sendOne(s, ch)
		return 0
	}
	return 1 + sendDeep(s, ch, depth-1)
}

// fetch returns before its receive.
//
//go:noinline
func fetch(s *spot, fail bool) error {
	ch := make(chan error)
	go func() {
		s.enter()
		ch <- nil
	}()
	if fail {
		return errors.New("early")
	}
	return <-ch
}

// fetchFor has a timeout that wins.
//
//go:noinline
func fetchFor(s *spot, limit time.Duration) (int, error) {
	ch, late := make(chan int), make(chan bool)
	go func() {
		<-late
		s.enter()
		ch <- 1
	}()
	defer close(late)
	select {
	case n := <-ch:
		return n, nil
	case <-time.After(limit):
		return 0, errors.New("timeout")
	}
}

// fetchUnder has a context that is done first.
//
//go:noinline
func fetchUnder(ctx context.Context, s *spot) (result, error) {
	ch, late := make(chan result), make(chan bool)
	go func() {
		<-late
		s.enter()
		ch <- result{}
	}()
	defer close(late)
	select {
	case r := <-ch:
		return r, nil
	case <-ctx.Done():
		return result{}, ctx.Err()
	}
}

// first takes the first of n answers.
//
//go:noinline
func first(s *spot, n int) int {
	ch, late := make(chan int), make(chan bool)
	defer close(late)
	for i := 0; i < n; i++ {
		go func(i int) {
			if i > 0 {
				<-late
				s.enter()
			}
			ch <- i
		}(i)
	}
	return <-ch
}

func spawnSenders() {
	s := leak("orphan-send", "send/early return", 4, "chan send")
	for i := 0; i < 4; i++ {
		fetch(s, true)
	}
	s = leak("orphan-send", "send/timeout", 3, "chan send")
	for i := 0; i < 3; i++ {
		fetchFor(s, time.Millisecond)
	}
	s = leak("orphan-send", "send/context", 3, "chan send")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for i := 0; i < 3; i++ {
		fetchUnder(ctx, s)
	}
	s = leak("orphan-send", "send/function", 5, "chan send")
	for i := 0; i < 5; i++ {
		go sendOne(s, make(chan int))
	}
	s = leak("orphan-send", "send/struct", 3, "chan send")
	for i := 0; i < 3; i++ {
		go sendResult(s, make(chan result))
	}
	s = leak("orphan-send", "send/method", 3, "chan send")
	for i := 0; i < 3; i++ {
		go (&client{"a", make(chan result)}).report(s)
	}
	s = leak("orphan-send", "send/generic", 4, "chan send")
	for i := 0; i < 2; i++ {
		go sendGeneric(s, make(chan string), "x")
		go sendGeneric(s, make(chan *client), &client{})
	}
	s = leak("orphan-send", "send/deep", 2, "chan send")
	for i := 0; i < 2; i++ {
		go sendDeep(s, make(chan int), 40)
	}
	s = leak("orphan-send", "send/loop", 3, "chan send")
	for i := 0; i < 3; i++ {
		ch := make(chan int)
		go produce(s, ch, 4)
		for j := 0; j < 4; j++ {
			<-ch
		}
	}
	spawnCasts()
	spawnFull()
}

func spawnCasts() {
	s := leak("ncast", "cast/first of five", 8, "chan send")
	for i := 0; i < 2; i++ {
		first(s, 5)
	}
	s = leak("ncast", "cast/function", 6, "chan send")
	for i := 0; i < 2; i++ {
		ch := make(chan result)
		for j := 0; j < 3; j++ {
			go sendResult(s, ch)
		}
	}
	s = leak("ncast", "cast/methods of one", 4, "chan send")
	c := &client{"b", make(chan result)}
	for i := 0; i < 4; i++ {
		go c.report(s)
	}
}

func full[T any](n int) chan T {
	var zero T
	ch := make(chan T, n)
	for i := 0; i < n; i++ {
		ch <- zero
	}
	return ch
}

func spawnFull() {
	s := leak("buffer-full", "full/one", 4, "chan send")
	for i := 0; i < 4; i++ {
		go sendOne(s, full[int](1))
	}
	s = leak("buffer-full", "full/struct", 3, "chan send")
	for i := 0; i < 3; i++ {
		go sendResult(s, full[result](16))
	}
	s = leak("buffer-full", "full/method", 2, "chan send")
	for i := 0; i < 2; i++ {
		go (&client{"c", full[result](2)}).report(s)
	}
	s = leak("buffer-full", "full/producer", 3, "chan send")
	for i := 0; i < 3; i++ {
		ch := make(chan int, 3)
		go produce(s, ch, 5)
		<-ch
		<-ch
	}
	s = leak("buffer-full|ncast", "full/several senders", 4, "chan send")
	ch := full[int](2)
	for i := 0; i < 4; i++ {
		go sendOne(s, ch)
	}
	runtime.KeepAlive(ch)
}
