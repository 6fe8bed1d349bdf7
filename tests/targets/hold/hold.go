// SPDX-License-Identifier: Apache-2.0

// Package hold stands in for runtime/pprof in programs that write their goroutineleak profile and
// end: it keeps them as they are at that moment, says READY and answers commands on standard input,
// one a line:
//
//	leaks	the runtime's own profile, debug=2; empty where it has none
//	all	every goroutine, as the runtime dumps them
//	exit
//
// Each answer is `DATA length` on a line and then that many bytes.
package hold

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// Profile has of pprof's what those programs use.
type Profile struct{ name string }

var (
	begin = make(chan bool)
	// Who would write is held here, parked as any goroutine: nobody ever sends.
	held = make(chan bool)
	once sync.Once
)

func init() { go serve() }

func Lookup(name string) *Profile { return &Profile{name} }

// WriteTo returns only where the program throws the profile away.
func (p *Profile) WriteTo(w io.Writer, debug int) error {
	if w != os.Stdout {
		if own := pprof.Lookup(p.name); own != nil {
			return own.WriteTo(w, debug)
		}
		return nil
	}
	once.Do(func() { begin <- true })
	<-held
	return nil
}

func dump() []byte {
	for n := 1 << 20; ; n *= 2 {
		b := make([]byte, n)
		if m := runtime.Stack(b, true); m < n {
			return b[:m]
		}
	}
}

// settle waits until nobody has moved for a while, or for as long as that can take.
func settle() {
	limit := time.Now().Add(20 * time.Second)
	last := dump()
	for still := 0; still < 3 && time.Now().Before(limit); still++ {
		time.Sleep(50 * time.Millisecond)
		now := dump()
		if !bytes.Equal(now, last) {
			still = -1
		}
		last = now
	}
}

func answer(b []byte) {
	fmt.Printf("DATA %d\n", len(b))
	os.Stdout.Write(b)
}

func leaks() []byte {
	var b bytes.Buffer
	if own := pprof.Lookup("goroutineleak"); own != nil {
		own.WriteTo(&b, 2)
	}
	return b.Bytes()
}

// clear overwrites what earlier calls, and earlier owners of the stack, have left below: who is in
// a system call has all of that in its frames.
//
//go:noinline
func clear() byte {
	var zeros [6000]byte
	keep(zeros[:])
	return zeros[3000]
}

//go:noinline
func keep([]byte) {}

func serve() {
	in := bufio.NewScanner(os.Stdin)
	<-begin
	settle()
	clear()
	fmt.Printf("READY {\"pid\": %d}\n", os.Getpid())
	clear()
	for in.Scan() {
		switch in.Text() {
		case "leaks":
			answer(leaks())
		case "all":
			answer(dump())
		default:
			os.Exit(0)
		}
	}
	os.Exit(0)
}
