// SPDX-License-Identifier: Apache-2.0

package main

// Each function parks in a channel operation of its own kind.

type item struct {
	name string
	n    [3]int
}

type pair[K comparable, V any] struct {
	key K
	val V
}

func sendOne[T any](g *group, ch chan T, v T, senders int) {
	g.enter(func() *Obj { return chanObj(ch, "send", senders, 0) })
	ch <- v
}

func recvOne[T any](g *group, ch chan T, receivers int) T {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, receivers) })
	return <-ch
}

func sendError(g *group, ch chan error) {
	g.enter(func() *Obj { return chanObj(ch, "send", 1, 0) })
	ch <- nil
}

func sendShared(g *group, ch chan int, all int) {
	g.enter(func() *Obj { return chanObj(ch, "send", all, 0) })
	ch <- 1
}

func sendFull(g *group, ch chan item) {
	g.enter(func() *Obj { return chanObj(ch, "send", 1, 0) })
	ch <- item{}
}

func sendPointer(g *group, ch chan *item) {
	g.enter(func() *Obj { return chanObj(ch, "send", 1, 0) })
	ch <- &item{}
}

func sendGeneric(g *group, ch chan pair[int, string]) {
	g.enter(func() *Obj { return chanObj(ch, "send", 1, 0) })
	ch <- pair[int, string]{}
}

func sendNil(g *group, ch chan int) {
	g.enter(func() *Obj { return chanObj(ch, "send", 0, 0) })
	ch <- 1
}

func recvStruct(g *group, ch chan struct{}) {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
	<-ch
}

func recvOK(g *group, ch chan map[string]int) bool {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
	_, ok := <-ch
	return ok
}

func recvShared(g *group, ch chan string, all int) {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, all) })
	<-ch
}

func recvBuffered(g *group, ch chan func(int) error) {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
	<-ch
}

func recvNil(g *group, ch chan error) {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 0) })
	<-ch
}

// rangeUnclosed has received before it parks.
func rangeUnclosed(g *group, ch chan int) {
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
	n := 0
	for v := range ch {
		n += v
	}
	sink(n)
}

// recvDirectional holds a receive-only view of the channel.
func recvDirectional(g *group, ch <-chan [4]byte, both chan [4]byte) {
	g.enter(func() *Obj { return chanObj(both, "recv", 0, 1) })
	<-ch
}

func spawnChans() {
	g := newGroup("send error", "main.sendError", 11, "chan send")
	for i := 0; i < 11; i++ {
		go sendError(g, make(chan error))
	}

	g = newGroup("send, one channel for all", "main.sendShared", 23, "chan send")
	shared := make(chan int)
	for i := 0; i < 23; i++ {
		go sendShared(g, shared, 23)
	}

	g = newGroup("send, buffer full", "main.sendFull", 5, "chan send")
	for i := 0; i < 5; i++ {
		ch := make(chan item, i+1)
		for len(ch) < cap(ch) {
			ch <- item{}
		}
		go sendFull(g, ch)
	}

	g = newGroup("send pointer", "main.sendPointer", 3, "chan send")
	for i := 0; i < 3; i++ {
		go sendPointer(g, make(chan *item))
	}

	g = newGroup("send generic type", "main.sendGeneric", 2, "chan send")
	for i := 0; i < 2; i++ {
		go sendGeneric(g, make(chan pair[int, string]))
	}

	g = newGroup("send by a generic function", "main.sendOne[...]", 4, "chan send")
	for i := 0; i < 2; i++ {
		go sendOne(g, make(chan float64), 1, 1)
		go sendOne(g, make(chan string), "", 1)
	}

	g = newGroup("recv by a generic function", "main.recvOne[...]", 3, "chan receive")
	for i := 0; i < 3; i++ {
		go recvOne(g, make(chan []byte), 1)
	}

	g = newGroup("send to nil", "main.sendNil", 3, "chan send (nil chan)")
	for i := 0; i < 3; i++ {
		go sendNil(g, nil)
	}

	spawnReceivers()
}

func spawnReceivers() {
	g := newGroup("recv struct{}", "main.recvStruct", 13, "chan receive")
	for i := 0; i < 13; i++ {
		go recvStruct(g, make(chan struct{}))
	}

	g = newGroup("recv with ok", "main.recvOK", 4, "chan receive")
	for i := 0; i < 4; i++ {
		go recvOK(g, make(chan map[string]int))
	}

	g = newGroup("recv, one channel for all", "main.recvShared", 31, "chan receive")
	shared := make(chan string)
	for i := 0; i < 31; i++ {
		go recvShared(g, shared, 31)
	}

	g = newGroup("recv, buffered", "main.recvBuffered", 6, "chan receive")
	for i := 0; i < 6; i++ {
		go recvBuffered(g, make(chan func(int) error, 7*i+1))
	}

	g = newGroup("recv from nil", "main.recvNil", 2, "chan receive (nil chan)")
	for i := 0; i < 2; i++ {
		go recvNil(g, nil)
	}

	g = newGroup("range, never closed", "main.rangeUnclosed", 7, "chan receive")
	for i := 0; i < 7; i++ {
		ch := make(chan int, 1)
		ch <- 1
		go rangeUnclosed(g, ch)
	}

	g = newGroup("recv, receive-only", "main.recvDirectional", 2, "chan receive")
	for i := 0; i < 2; i++ {
		ch := make(chan [4]byte, 2)
		go recvDirectional(g, ch, ch)
	}
}

//go:noinline
func sink(int) {}
