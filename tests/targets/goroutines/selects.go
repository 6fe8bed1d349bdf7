// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
	"unsafe"
)

func selectObj(cases ...*Obj) *Obj { return &Obj{Kind: "select", Cases: cases} }

// recvOnlyObj is chanObj for a channel of which only the receiving end is at hand.
func recvOnlyObj[T any](ch <-chan T, receivers int) *Obj {
	return chanObj(*(*chan T)(unsafe.Pointer(&ch)), "recv", 0, receivers)
}

// timerObj is recvOnlyObj for a timer's channel. It has a buffer of one, which Go 1.23's cap() hides.
func timerObj(ch <-chan time.Time, fires int64) *Obj {
	o := recvOnlyObj(ch, 1)
	o.Cap, o.Until = 1, fires
	return o
}

func selectTwo(g *group, a chan int, b chan error) {
	g.enter(func() *Obj { return selectObj(chanObj(a, "send", 1, 0), chanObj(b, "recv", 0, 1)) })
	select {
	case a <- 1:
	case <-b:
	}
}

func selectTimeout(g *group, ctx context.Context, ch chan *item, d time.Duration) {
	timeout := time.After(d)
	fires := time.Now().Add(d).UnixNano()
	g.enter(func() *Obj {
		return selectObj(chanObj(ch, "recv", 0, 1), timerObj(timeout, fires),
			recvOnlyObj(ctx.Done(), 1))
	})
	select {
	case <-ch:
	case <-timeout:
	case <-ctx.Done():
	}
}

// selectNilCase has one case that can never be ready; the runtime leaves it out of the wait.
func selectNilCase(g *group, a, never chan int, b chan string) {
	g.enter(func() *Obj { return selectObj(chanObj(a, "recv", 0, 1), chanObj(b, "send", 1, 0)) })
	select {
	case <-a:
	case <-never:
	case b <- "":
	}
}

func selectTen(g *group, c [10]chan int) {
	g.enter(func() *Obj {
		o := selectObj()
		for i := range c {
			if i%2 == 0 {
				o.Cases = append(o.Cases, chanObj(c[i], "send", 1, 0))
			} else {
				o.Cases = append(o.Cases, chanObj(c[i], "recv", 0, 1))
			}
		}
		return o
	})
	select {
	case c[0] <- 0:
	case <-c[1]:
	case c[2] <- 2:
	case <-c[3]:
	case c[4] <- 4:
	case <-c[5]:
	case c[6] <- 6:
	case <-c[7]:
	case c[8] <- 8:
	case <-c[9]:
	}
}

// selectShared is one of many that select on the same pair.
func selectShared(g *group, a, b chan bool, all int) {
	g.enter(func() *Obj { return selectObj(chanObj(a, "recv", 0, all), chanObj(b, "recv", 0, all)) })
	select {
	case <-a:
	case <-b:
	}
}

func selectForever(g *group) {
	g.enter(func() *Obj { return &Obj{Kind: "select"} })
	select {}
}

func spawnSelects() {
	g := newGroup("select of two", "main.selectTwo", 9, "select")
	for i := 0; i < 9; i++ {
		go selectTwo(g, make(chan int), make(chan error))
	}

	g = newGroup("select with timeout", "main.selectTimeout", 4, "select")
	for i := 0; i < 4; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		keep = append(keep, cancel)
		go selectTimeout(g, ctx, make(chan *item, 3), time.Duration(i+1)*time.Hour)
	}

	g = newGroup("select with a nil case", "main.selectNilCase", 2, "select")
	for i := 0; i < 2; i++ {
		go selectNilCase(g, make(chan int), nil, make(chan string))
	}

	g = newGroup("select of ten", "main.selectTen", 2, "select")
	for i := 0; i < 2; i++ {
		var c [10]chan int
		for j := range c {
			c[j] = make(chan int)
		}
		go selectTen(g, c)
	}

	g = newGroup("select, shared", "main.selectShared", 17, "select")
	a, b := make(chan bool), make(chan bool)
	for i := 0; i < 17; i++ {
		go selectShared(g, a, b, 17)
	}

	g = newGroup("select without cases", "main.selectForever", 3, "select (no cases)")
	for i := 0; i < 3; i++ {
		go selectForever(g)
	}
}

// keep holds what must outlive the function that made it.
var keep []interface{}
