// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
)

// Stacks that are hard to walk or to name. All end in a receive.

func recvObj(ch chan int) func() *Obj {
	return func() *Obj { return chanObj(ch, "recv", 0, 1) }
}

//go:noinline
func recurse(g *group, ch chan int, depth int) int {
	if depth == 0 {
		g.enter(recvObj(ch))
		return <-ch
	}
	return recurse(g, ch, depth-1) + 1
}

//go:noinline
func bigFrame(g *group, ch chan int, depth int) int {
	var room [5000]int
	room[depth] = depth
	if depth == 0 {
		g.enter(recvObj(ch))
		room[1] = <-ch
	} else {
		room[2] = bigFrame(g, ch, depth-1)
	}
	return room[depth] + room[1] + room[2]
}

func inlC(ch chan int) int { return <-ch }
func inlB(ch chan int) int { return inlC(ch) + 1 }
func inlA(ch chan int) int { return inlB(ch) * 2 }

func inlined(g *group, ch chan int) {
	g.enter(recvObj(ch))
	sink(inlA(ch))
}

type server struct {
	g  *group
	ch chan int
}

func (s *server) serve() {
	s.g.enter(recvObj(s.ch))
	<-s.ch
}

func (s server) serveValue() {
	s.g.enter(recvObj(s.ch))
	<-s.ch
}

type valueServer interface{ serveValue() }

// wraps promotes server's methods: the compiler writes wrappers for them.
type wraps struct {
	pad [2]int
	*server
}

func (s *server) handler() func() {
	return func() {
		func() {
			s.g.enter(recvObj(s.ch))
			<-s.ch
		}()
	}
}

func inDefer(g *group, ch chan int) {
	defer func() {
		g.enter(recvObj(ch))
		<-ch
	}()
	sink(1)
}

func inPanic(g *group, ch chan int) {
	defer func() {
		g.enter(recvObj(ch))
		<-ch
		recover()
	}()
	panic("on purpose")
}

// inFault's deferred function runs on top of runtime.sigpanic: the pc below it is the faulting
// instruction and not a return address.
func inFault(g *group, ch chan int, p *item) {
	defer func() {
		g.enter(recvObj(ch))
		<-ch
		recover()
	}()
	sink(p.n[1])
}

func inLess(g *group, ch chan int) {
	sort.Slice(make([]int, 4), func(i, j int) bool {
		g.enter(recvObj(ch))
		return <-ch == 0
	})
}

func inMap(g *group, ch chan int) {
	strings.Map(func(r rune) rune {
		g.enter(recvObj(ch))
		return rune(<-ch)
	}, "abc")
}

// calledByReflect runs below reflectcall, which is assembly.
func calledByReflect(g *group, ch chan int) {
	g.enter(recvObj(ch))
	<-ch
}

func viaReflect(g *group, ch chan int) {
	reflect.ValueOf(calledByReflect).Call([]reflect.Value{reflect.ValueOf(g), reflect.ValueOf(ch)})
}

// viaMakeFunc runs below reflect.makeFuncStub, which is assembly.
func viaMakeFunc(g *group, ch chan int) {
	var f func(int)
	stub := func([]reflect.Value) []reflect.Value {
		g.enter(recvObj(ch))
		<-ch
		return nil
	}
	reflect.ValueOf(&f).Elem().Set(reflect.MakeFunc(reflect.TypeOf(f), stub))
	f(1)
}

func labelled(g *group, ch chan int) {
	g.enter(recvObj(ch))
	<-ch
}

// oddLabels must come out of every format as they went in.
var oddLabels = map[string]string{
	"path": "/a b", "quo\"te": "back\\slash", "new\nline": "tab\there", "ünï": "\x1b[31mred",
	"broken": "utf\xff8", "empty": "",
}

func spawnLabelled() {
	g := newGroup("labels", "main.labelled", 4, "chan receive")
	g.Labels = map[string]string{"route": "/items", "tenant": "acme"}
	ctx := context.Background()
	pprof.Do(ctx, pprof.Labels("tenant", "acme", "route", "/items"), func(context.Context) {
		for i := 0; i < 4; i++ {
			go labelled(g, make(chan int))
		}
	})

	g = newGroup("odd labels", "main.labelled", 2, "chan receive")
	g.Labels = map[string]string{}
	args := []string{}
	for k, v := range oddLabels {
		args = append(args, k, v)
		// JSON cannot carry a broken byte: the reader of the truth expects U+FFFD.
		g.Labels[k] = strings.ToValidUTF8(v, "\uFFFD")
	}
	pprof.Do(ctx, pprof.Labels(args...), func(context.Context) {
		for i := 0; i < 2; i++ {
			go labelled(g, make(chan int))
		}
	})
}

// finalized parks the runtime's finalizer goroutine, which is a user's as long as it runs this.
func finalized(p *finalizable) {
	p.g.enter(recvObj(p.ch))
	<-p.ch
}

type finalizable struct {
	g  *group
	ch chan int
}

//go:noinline
func dropFinalizable(g *group) {
	for i := 0; i < 10; i++ {
		p := &finalizable{g, make(chan int)}
		if i == 0 {
			runtime.SetFinalizer(p, finalized)
		}
	}
}

func spawnStacks() {
	ints := func(n int, start func(ch chan int)) {
		for i := 0; i < n; i++ {
			start(make(chan int))
		}
	}
	one := func(name, fn string, n int) *group { return newGroup(name, fn, n, "chan receive") }

	g1 := one("recursion", "main.recurse", 3)
	ints(3, func(ch chan int) { go recurse(g1, ch, 600) })
	g2 := one("big frames", "main.bigFrame", 2)
	ints(2, func(ch chan int) { go bigFrame(g2, ch, 3) })
	g3 := one("inlined", "main.inlC", 5)
	ints(5, func(ch chan int) { go inlined(g3, ch) })
	g4 := one("method", "main.(*server).serve", 6)
	ints(6, func(ch chan int) { go (&server{g4, ch}).serve() })
	g5 := one("value method by interface", "main.server.serveValue", 2)
	ints(2, func(ch chan int) {
		var v valueServer = &server{g5, ch}
		go v.serveValue()
	})
	g6 := one("promoted method", "main.server.serveValue", 3)
	ints(3, func(ch chan int) {
		var v valueServer = wraps{server: &server{g6, ch}}
		go v.serveValue()
	})
	g7 := one("method value", "main.(*server).serve", 2)
	ints(2, func(ch chan int) {
		f := (&server{g7, ch}).serve
		keep = append(keep, f)
		go f()
	})
	g8 := one("closures", "", 3)
	ints(3, func(ch chan int) { go (&server{g8, ch}).handler()() })
	g9 := one("deferred", "", 2)
	ints(2, func(ch chan int) { go inDefer(g9, ch) })
	g10 := one("panicking", "", 2)
	ints(2, func(ch chan int) { go inPanic(g10, ch) })
	g11 := one("faulting", "", 2)
	ints(2, func(ch chan int) { go inFault(g11, ch, nil) })
	g12 := one("in sort.Slice", "", 2)
	ints(2, func(ch chan int) { go inLess(g12, ch) })
	g13 := one("in strings.Map", "", 2)
	ints(2, func(ch chan int) { go inMap(g13, ch) })
	g14 := one("by reflection", "main.calledByReflect", 2)
	ints(2, func(ch chan int) { go viaReflect(g14, ch) })
	g15 := one("by MakeFunc", "", 2)
	ints(2, func(ch chan int) { go viaMakeFunc(g15, ch) })
	spawnLabelled()

	g := one("finalizer", "main.finalized", 1)
	g.Parent = 0
	dropFinalizable(g)
	runtime.GC()
	runtime.GC()
}

func late(g *group, ch chan int) {
	g.enter(recvObj(ch))
	<-ch
}

func spawnLate() {
	g := newGroup("late", "main.late", 5, "chan receive")
	for i := 0; i < 5; i++ {
		go late(g, make(chan int))
	}
}
