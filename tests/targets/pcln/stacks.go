// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"runtime"
	"unsafe"

	"loiter.test/targets/framepointer"
)

var out *bytes.Buffer

// capture writes the stack of its caller down, as return addresses and as the runtime shows it.
//
//go:noinline
func capture() {
	var pcs [64]uintptr
	n := runtime.Callers(2, pcs[:])
	fmt.Fprintln(out, "stack")
	for bp := framepointer.Get(); bp != 0; bp = *(*uintptr)(unsafe.Pointer(bp)) {
		fmt.Fprintf(out, "phys\t%x\n", *(*uintptr)(unsafe.Pointer(bp + 8)))
	}
	frames := runtime.CallersFrames(pcs[:n])
	for more := n > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		writeFrame(out, "frame", f.PC+1, f)
	}
	fmt.Fprintln(out, "end")
}

// Three levels that are inlined into one another.
func inner()  { capture() }
func middle() { inner(); sink++ }
func outer()  { middle(); sink++ }

var sink int

type speaker interface {
	Plain()
	Inlined()
}

// A value method called through a pointer in an interface has a wrapper in between.
type value struct{ a, b, c, d int }

//go:noinline
func (v value) Plain() { capture(); sink += v.a }

func (v value) Inlined() { capture(); sink += v.b }

type embedding struct{ speaker }

// Generics: their names are shortened since Go 1.21.
type pair[A, B any] struct {
	a A
	b B
}

//go:noinline
func (p *pair[A, B]) visit(f func()) { f(); sink++ }

//go:noinline
func apply[T any](v T, f func(T)) { f(v); sink++ }

// fault dereferences nil within a frame; the runtime injects a call of sigpanic.
//
//go:noinline
func fault(p *value) int {
	outerOnce(p == nil)
	return p.d
}

//go:noinline
func outerOnce(bool) { sink++ }

// recovered runs f and takes the stack while it panics.
//
//go:noinline
func recovered(f func()) {
	defer func() {
		capture()
		recover()
	}()
	f()
}

// elsewhere runs f on a goroutine of its own: a stack that ends in runtime.goexit.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func callAll(s speaker) {
	s.Plain()
	s.Inlined()
	f := s.Plain
	f()
	e := embedding{s}
	speaker(&e).Inlined()
	func() {
		defer s.Plain()
		sink++
	}()
}

// What only newer releases compile.
var newer []func()

func writeStacks(w *bytes.Buffer) {
	out = w
	for _, f := range newer {
		elsewhere(f)
	}
	elsewhere(func() { outer() })
	elsewhere(func() { callAll(&value{1, 2, 3, 4}) })
	elsewhere(func() { callAll(&embedding{&value{}}) })
	elsewhere(func() {
		p := &pair[int, map[string][]int]{}
		p.visit(func() { capture() })
		apply([]string{"x"}, func([]string) { outer() })
	})
	elsewhere(func() { recovered(func() { sink += fault(nil) }) })
	elsewhere(func() { recovered(func() { panic("told") }) })
	elsewhere(func() {
		var v *value
		// The wrapper finds nil and calls runtime.panicwrap: it is not left out then.
		recovered(func() { speaker(v).Plain() })
		recovered(func() { speaker(v).Inlined() })
	})
	done := make(chan struct{})
	// A go statement on a method call starts in a wrapper.
	go func(s speaker) {
		s.Inlined()
		close(done)
	}(&value{})
	<-done
}
