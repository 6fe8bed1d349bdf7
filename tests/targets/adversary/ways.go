// SPDX-License-Identifier: Apache-2.0

package main

import (
	"container/heap"
	"container/list"
	"context"
	"os"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var ways = []*way{
	{name: "cells", move: moveCells},
	{name: "maps", move: moveMaps},
	{name: "mapanew", move: moveMapAnew},
	{name: "mapnested", move: moveMapNested},
	{name: "buffered", move: moveBuffered},
	{name: "unbuffered", move: moveUnbuffered},
	{name: "bigbuffer", move: moveBigBuffer},
	{name: "selectsend", move: moveSelectSend},
	{name: "listanew", move: moveListAnew},
	{name: "lists", move: moveLists},
	{name: "slices", move: moveSlices},
	{name: "bigslice", move: moveBigSlice},
	{name: "treap", move: moveHeap},
	{name: "afterfunc", move: moveAfterFunc},
	{name: "sleeper", move: moveSleeper},
	{name: "ticker", move: moveTicker},
	{name: "finalizer", move: moveFinalizer},
	{name: "register", move: moveRegister},
	{name: "deepstack", move: moveDeepStack},
	{name: "stackarray", move: moveStackArray},
	{name: "pool", move: movePool},
	{name: "atomics", move: moveAtomics},
	{name: "syncmap", move: moveSyncMap},
	{name: "closures", move: moveClosures},
	{name: "interfaces", move: moveInterfaces},
	{name: "relay", move: moveRelay},
	{name: "defers", move: moveDefers},
	{name: "panics", move: movePanics},
	{name: "contexts", move: moveContexts},
	{name: "netpoll", move: movePipe},
	{name: "syscall", move: moveSyscall},
	{name: "globals", move: moveGlobals},
	{name: "reflect", move: moveReflect},
	{name: "condqueue", move: moveCondQueue},
	{name: "methods", move: moveMethods},
	{name: "chain", move: moveChain},
}

func moveMaps(w *way) {
	a, b := map[int]waker{}, map[int]waker{}
	for i, r := range w.some() {
		a[i*977] = r
	}
	for ; ; a, b = b, a {
		for k, r := range a {
			delete(a, k)
			b[k+1] = w.step(r)
		}
	}
}

var anew map[int]waker

func moveMapAnew(w *way) {
	anew = map[int]waker{}
	for i, r := range w.some() {
		anew[i] = r
	}
	for {
		next := make(map[int]waker, 512)
		for i := 0; i < 400; i++ {
			next[-1-i] = nil
		}
		for k, r := range anew {
			if k >= 0 {
				next[k] = w.step(r)
			}
		}
		anew = next
	}
}

type shelf struct{ rows map[string][][]waker }

func moveMapNested(w *way) {
	names := []string{"one", "two", "three", "four"}
	s := &shelf{map[string][][]waker{"one": {w.some()}}}
	for i := 0; ; i++ {
		from, to := names[i%4], names[(i+1)%4]
		var row []waker
		for _, r := range s.rows[from][0] {
			row = append(row, w.step(r))
		}
		delete(s.rows, from)
		s.rows[to] = [][]waker{row, make([]waker, 16)}
		if i%64 == 0 {
			s = &shelf{map[string][][]waker{to: s.rows[to]}}
		}
	}
}

func pass(w *way, in <-chan waker, out chan<- waker) {
	for r := range in {
		out <- w.step(r)
	}
}

func ring(w *way, room int) {
	a, b, c := make(chan waker, room), make(chan waker, room), make(chan waker, room)
	go pass(w, a, b)
	go pass(w, b, c)
	go pass(w, c, a)
	for _, r := range w.some() {
		a <- r
	}
}

func moveBuffered(w *way)   { ring(w, *perWay) }
func moveUnbuffered(w *way) { ringOfHands(w) }

// From hand to hand: at any time some are in no object at all.
func ringOfHands(w *way) {
	n := *perWay + 3
	links := make([]chan waker, n)
	for i := range links {
		links[i] = make(chan waker)
	}
	for i := range links {
		go pass(w, links[i], links[(i+1)%n])
	}
	for _, r := range w.some() {
		links[0] <- r
	}
}

type bigElem struct {
	before [60]uintptr
	r      waker
	after  [64]uintptr
}

func moveBigBuffer(w *way) {
	a, b := make(chan bigElem, *perWay), make(chan bigElem, *perWay)
	for _, r := range w.some() {
		a <- bigElem{r: r}
	}
	for {
		select {
		case e := <-a:
			e.r = w.step(e.r)
			b <- e
		case e := <-b:
			e.r = w.step(e.r)
			a <- e
		}
	}
}

// Each waits in a select to be rid of it, and takes it back when nobody wants it.
func moveSelectSend(w *way) {
	hands := make(chan waker)
	for _, r := range w.some() {
		go func(r waker) {
			for {
				select {
				case hands <- r:
					r = <-hands
				case <-time.After(time.Millisecond):
				}
				r = w.step(r)
			}
		}(r)
	}
	go func() {
		for r := range hands {
			hands <- w.step(r)
		}
	}()
}

type listNode struct {
	next *listNode
	r    waker
	pad  [4]uintptr
}

var anewList *listNode

// A list that is built anew each time; the longer the heap is.
func moveListAnew(w *way) {
	refs := w.some()
	length := 2000 * (1 + len(cellHeap)/200)
	every := length / len(refs)
	for i := 0; i < length; i++ {
		n := &listNode{next: anewList}
		if i%every == 0 && i/every < len(refs) {
			n.r = refs[i/every]
		}
		anewList = n
	}
	refs = nil
	for {
		var head, tail *listNode
		for n := anewList; n != nil; n = n.next {
			c := &listNode{}
			if n.r != nil {
				c.r = w.step(n.r)
				n.r = nil
			}
			if tail == nil {
				head = c
			} else {
				tail.next = c
			}
			tail = c
		}
		anewList = head
		w.rest()
	}
}

func moveLists(w *way) {
	a, b := list.New(), list.New()
	for _, r := range w.some() {
		a.PushBack(r)
	}
	for ; ; a, b = b, a {
		for e := a.Front(); e != nil; e = a.Front() {
			b.PushBack(w.step(a.Remove(e).(waker)))
		}
		if b.Len() == 0 {
			panic("lists")
		}
	}
}

func moveSlices(w *way) {
	s := w.some()
	for {
		next := make([]waker, len(s), len(s)+w.intn(64))
		for i := range s {
			next[i] = w.step(s[i])
			s[i] = nil
		}
		s = next
	}
}

func (w *way) intn(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.Intn(n)
}

// Some MB, in which they move from end to end.
func moveBigSlice(w *way) {
	s := make([]waker, 1<<18)
	copy(s, w.some())
	at := make([]int, *perWay)
	for i := range at {
		at[i] = i
	}
	for {
		for i := range at {
			to := w.intn(len(s))
			if s[to] != nil {
				continue
			}
			s[to], s[at[i]] = s[at[i]], nil
			s[to] = w.step(s[to])
			at[i] = to
		}
		if w.intn(2000) == 0 {
			next := make([]waker, len(s))
			copy(next, s)
			s = next
		}
	}
}

type item struct {
	key int
	r   waker
}
type items []*item

func (s items) Len() int            { return len(s) }
func (s items) Less(i, j int) bool  { return s[i].key < s[j].key }
func (s items) Swap(i, j int)       { s[i], s[j] = s[j], s[i] }
func (s *items) Push(v interface{}) { *s = append(*s, v.(*item)) }
func (s *items) Pop() interface{} {
	old := *s
	v := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return v
}

func moveHeap(w *way) {
	s := &items{}
	for _, r := range w.some() {
		heap.Push(s, &item{w.intn(1000), r})
	}
	for i := 0; i < 200; i++ {
		heap.Push(s, &item{w.intn(1000), nil})
	}
	for {
		v := heap.Pop(s).(*item)
		next := &item{v.key + w.intn(1000), nil}
		if v.r != nil {
			next.r, v.r = w.step(v.r), nil
		}
		heap.Push(s, next)
	}
}

func moveAfterFunc(w *way) {
	for _, r := range w.some() {
		arm(w, r)
	}
}

func arm(w *way, r waker) {
	time.AfterFunc(time.Duration(w.intn(3000))*time.Microsecond, func() { arm(w, w.step(r)) })
}

func moveSleeper(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			for {
				time.Sleep(time.Duration(w.intn(20)) * time.Millisecond)
				r = w.step(r)
			}
		}(r)
	}
}

func moveTicker(w *way) {
	for _, r := range w.some() {
		go func(s *item) {
			for range time.NewTicker(time.Duration(1+w.intn(5)) * time.Millisecond).C {
				s = &item{0, w.step(s.r)}
			}
		}(&item{0, r})
	}
}

// Nothing holds the object: its finalizer has it until the next collection.
func moveFinalizer(w *way) {
	for _, r := range w.some() {
		leave(w, r)
	}
}

//go:noinline
func leave(w *way, r waker) {
	v := &item{0, r}
	runtime.SetFinalizer(v, func(v *item) { go func() { leave(w, w.step(v.r)) }() })
}

func moveRegister(w *way) {
	r := w.fresh()
	for i := 1; i < *perWay; i++ {
		go func(r waker) {
			for {
				r = w.step(spin(r, 1<<16))
				time.Sleep(5 * time.Millisecond)
			}
		}(w.fresh())
	}
	for {
		r = w.step(spin(r, 1<<26))
		time.Sleep(50 * time.Millisecond)
	}
}

var spun uint32

// It is in two registers and nowhere else, for some milliseconds.
//
//go:noinline
func spin(r waker, n int) waker {
	x := uint32(n)
	for i := 0; i < n; i++ {
		x = x*1664525 + 1013904223
	}
	atomic.StoreUint32(&spun, x)
	return r
}

func moveDeepStack(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			for {
				// A new goroutine has a small stack, that grows and moves.
				back := make(chan waker)
				go func(r waker) { back <- deep(w, r, w.intn(300)) }(r)
				r = nil
				r = <-back
			}
		}(r)
	}
}

//go:noinline
func deep(w *way, r waker, n int) waker {
	var pad [32]uintptr
	if n == 0 {
		return w.step(r)
	}
	pad[n%32] = 1
	r = deep(w, r, n-1)
	if pad[(n+1)%32] == 1 {
		return nil
	}
	return r
}

func moveStackArray(w *way) {
	go func() {
		var place [2048]waker
		copy(place[:], w.some())
		for {
			for i := range place {
				if place[i] != nil {
					to := w.intn(len(place))
					place[i], place[to] = place[to], place[i]
					if place[to] != nil {
						place[to] = w.step(place[to])
					}
				}
			}
		}
	}()
}

// What a pool drops comes back by its finalizer.
func movePool(w *way) {
	var p sync.Pool
	back := make(chan waker, *perWay)
	put := func(r waker) {
		v := &item{0, r}
		runtime.SetFinalizer(v, func(v *item) { back <- v.r })
		p.Put(v)
	}
	for _, r := range w.some() {
		put(r)
	}
	for {
		w.rest()
		if v, _ := p.Get().(*item); v != nil {
			runtime.SetFinalizer(v, nil)
			put(w.step(v.r))
		}
		select {
		case r := <-back:
			put(w.step(r))
		default:
		}
	}
}

type holder struct{ r waker }

func moveAtomics(w *way) {
	cells := make([]atomic.Value, 64)
	empty := &holder{}
	for i := range cells {
		cells[i].Store(empty)
	}
	for i, r := range w.some() {
		cells[i].Store(&holder{r})
	}
	for {
		for i := range cells {
			h := cells[i].Load().(*holder)
			to := w.intn(len(cells))
			if h.r == nil || cells[to].Load().(*holder).r != nil {
				continue
			}
			cells[i].Store(empty)
			cells[to].Store(&holder{w.step(h.r)})
		}
	}
}

func moveSyncMap(w *way) {
	var m sync.Map
	for i, r := range w.some() {
		m.Store(i, r)
	}
	for n := *perWay; ; {
		m.Range(func(k, v interface{}) bool {
			m.Delete(k)
			m.Store(n, w.step(v.(waker)))
			n++
			return true
		})
	}
}

func moveClosures(w *way) {
	a, b := make(chan func() waker), make(chan func() waker, *perWay)
	work := func(in <-chan func() waker, out chan<- func() waker) {
		for f := range in {
			r := w.step(f())
			out <- func() waker { return r }
		}
	}
	go work(a, b)
	go work(b, a)
	for _, r := range w.some() {
		r := r
		a <- func() waker { return r }
	}
}

func moveInterfaces(w *way) {
	s := []interface{}{}
	for _, r := range w.some() {
		s = append(s, r)
	}
	for {
		for i, v := range s {
			switch v := v.(type) {
			case holder:
				s[i] = &holder{w.step(v.r)}
			case *holder:
				s[i] = [3]waker{nil, w.step(v.r), nil}
			case [3]waker:
				s[i] = w.step(v[1])
			case waker:
				s[i] = holder{w.step(v)}
			}
		}
	}
}

// Each move makes another goroutine.
func moveRelay(w *way) {
	for _, r := range w.some() {
		go relay(w, r)
	}
}

func relay(w *way, r waker) { go relay(w, w.step(r)) }

func moveDefers(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			for {
				r = deferred(w, r)
			}
		}(r)
	}
}

//go:noinline
func deferred(w *way, r waker) (ret waker) {
	// In a loop: the record is on the heap.
	for i := 0; i < 2; i++ {
		if i == 1 {
			v := r
			r = nil
			defer func() { ret = w.step(v) }()
		}
	}
	w.rest()
	return nil
}

func movePanics(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			for {
				r = caught(w, r)
			}
		}(r)
	}
}

//go:noinline
func caught(w *way, r waker) (ret waker) {
	defer func() { ret = w.step(recover().(waker)) }()
	defer w.rest()
	panic(r)
}

type ctxKey int

func moveContexts(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			ctx := context.WithValue(context.Background(), ctxKey(0), r)
			r = nil
			for i := 0; ; i++ {
				child, cancel := context.WithCancel(ctx)
				child = context.WithValue(child, ctxKey(1), i)
				v := w.step(child.Value(ctxKey(0)).(waker))
				cancel()
				ctx = context.WithValue(context.Background(), ctxKey(0), v)
			}
		}(r)
	}
}

// It is on the stack of a goroutine that waits for the network poller.
func movePipe(w *way) {
	for _, r := range w.some() {
		in, out, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		go func() {
			for {
				time.Sleep(time.Duration(w.intn(10)) * time.Millisecond)
				out.Write([]byte{1})
			}
		}()
		go func(r waker) {
			var b [1]byte
			for {
				in.Read(b[:])
				r = w.step(r)
			}
		}(r)
	}
}

func moveSyscall(w *way) {
	go func() {
		runtime.LockOSThread()
		refs := w.some()
		a, b, c := refs[0], refs[len(refs)/2], refs[len(refs)-1]
		for {
			t := syscall.Timespec{Nsec: int64(w.intn(5000000))}
			syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(pointer(&t)), 0, 0)
			for i := range refs {
				refs[i] = w.step(refs[i])
			}
			a, b, c = b, c, a
			_, _, _ = a, b, c
		}
	}()
}

var places [4096]waker

func moveGlobals(w *way) {
	copy(places[:], w.some())
	for {
		for i := range places {
			if places[i] == nil {
				continue
			}
			to := w.intn(len(places))
			if places[to] == nil {
				r := places[i]
				places[i] = nil
				places[to] = w.step(r)
			}
		}
	}
}

func moveReflect(w *way) {
	var all []reflect.Value
	for _, r := range w.some() {
		all = append(all, reflect.ValueOf(&holder{r}))
	}
	for {
		for i, v := range all {
			next := reflect.New(v.Type().Elem())
			next.Interface().(*holder).r = w.step(v.Interface().(*holder).r)
			all[i] = next
		}
	}
}

// A queue with a lock and a condition, as before channels.
func moveCondQueue(w *way) {
	var mu sync.Mutex
	some := sync.NewCond(&mu)
	var queue []waker
	for i := 0; i < 3; i++ {
		go func() {
			for {
				mu.Lock()
				for len(queue) == 0 {
					some.Wait()
				}
				r := queue[0]
				queue[0] = nil
				queue = queue[1:]
				mu.Unlock()
				r = w.step(r)
				mu.Lock()
				queue = append(queue, r)
				mu.Unlock()
				some.Signal()
			}
		}()
	}
	mu.Lock()
	queue = append(queue, w.some()...)
	mu.Unlock()
	some.Broadcast()
}

func (h *holder) get() waker { return h.r }

func moveMethods(w *way) {
	bound := make([]func() waker, 0, *perWay)
	for _, r := range w.some() {
		bound = append(bound, (&holder{r}).get)
	}
	for {
		for i, f := range bound {
			bound[i] = nil
			bound[i] = (&holder{w.step(f())}).get
		}
	}
}

// Who can wake the waiter waits himself, for one who waits, for one who moves.
func moveChain(w *way) {
	for _, r := range w.some() {
		go func(r waker) {
			for {
				a, b := make(chan int), make(chan int)
				back := make(chan waker)
				go link(w, a, b, nil, nil)
				go link(w, b, nil, r, back)
				r = nil
				for i := 0; i < 20; i++ {
					w.rest()
				}
				close(a)
				r = <-back
			}
		}(r)
	}
}

//go:noinline
func link(w *way, in, out chan int, r waker, back chan<- waker) {
	waiting.Store(goid(), w.name)
	<-in
	waiting.Delete(goid())
	if out != nil {
		close(out)
	}
	if back != nil {
		back <- w.step(r)
	}
}
