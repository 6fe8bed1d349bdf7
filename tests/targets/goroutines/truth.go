// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Obj is what a goroutine waits for. A field that says nothing is left out.
type Obj struct {
	Kind      string `json:"kind"`
	Addr      uint64 `json:"addr,omitempty"`
	Type      string `json:"type,omitempty"`
	Dir       string `json:"dir,omitempty"`
	Cap       int    `json:"cap"`
	Len       int    `json:"len"`
	Senders   int    `json:"senders"`
	Receivers int    `json:"receivers"`
	Cases     []*Obj `json:"cases,omitempty"`

	FD       int    `json:"fd,omitempty"`
	Proto    string `json:"proto,omitempty"`
	Local    string `json:"local,omitempty"`
	Peer     string `json:"peer,omitempty"`
	TCPState string `json:"tcp_state,omitempty"`
	Mode     string `json:"mode,omitempty"`

	State   *uint64 `json:"state,omitempty"`
	Waiters int     `json:"waiters,omitempty"`
	Counter int     `json:"counter,omitempty"`
	ForRead bool    `json:"for_read,omitempty"`

	// When a timer fires or a deadline ends, UnixNano.
	Until int64 `json:"until,omitempty"`
}

type member struct {
	Goid   uint64 `json:"goid"`
	Reason string `json:"reason"` // as the runtime's own dump has it
	Obj    *Obj   `json:"obj"`
	obj    func() *Obj
}

type group struct {
	Name    string            `json:"name"`
	Func    string            `json:"func"` // the innermost function of package main
	Count   int               `json:"count"`
	Parent  uint64            `json:"parent"`
	Labels  map[string]string `json:"labels,omitempty"`
	Locked  bool              `json:"locked,omitempty"`
	Born    int64             `json:"born"` // UnixNano, before the first of them ran
	Members []*member         `json:"members"`
	accept  []string
}

var (
	groupsMu sync.Mutex
	groups   []*group
	born     = time.Now()
)

// newGroup promises n goroutines that will call enter and then park for one of the reasons
// ("a|b": the runtime's words changed over the releases) in function fn.
func newGroup(name, fn string, n int, reasons string) *group {
	g := &group{Name: name, Func: fn, Count: n, Parent: goid(), Born: time.Now().UnixNano()}
	g.accept = strings.Split(reasons, "|")
	groupsMu.Lock()
	groups = append(groups, g)
	groupsMu.Unlock()
	return g
}

// enter makes the calling goroutine a member. obj is asked when everybody has parked. A closure's
// name is the compiler's choice and changed over the releases: promise none, and the runtime is
// asked.
func (g *group) enter(obj func() *Obj) {
	m := &member{Goid: goid(), obj: obj}
	pcs := make([]uintptr, 1)
	runtime.Callers(2, pcs)
	caller, _ := runtime.CallersFrames(pcs).Next()
	groupsMu.Lock()
	if g.Func == "" {
		g.Func = caller.Function
	}
	g.Members = append(g.Members, m)
	groupsMu.Unlock()
}

func nothing() *Obj { return &Obj{Kind: "none"} }

func goid() uint64 {
	var buf [64]byte
	s := string(buf[:runtime.Stack(buf[:], false)])
	id, _ := strconv.ParseUint(strings.Fields(s)[1], 10, 64)
	return id
}

// reasons is each goroutine's wait reason by the runtime's own dump.
func reasons() map[uint64]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	ret := map[uint64]string{}
	for _, line := range bytes.Split(buf, []byte("\n")) {
		s := string(line)
		if !strings.HasPrefix(s, "goroutine ") || !strings.HasSuffix(s, ":") {
			continue
		}
		open := strings.IndexByte(s, '[')
		id, err := strconv.ParseUint(strings.Fields(s)[1], 10, 64)
		if open < 0 || err != nil {
			continue
		}
		s = s[open+1:]
		ret[id] = s[:strings.IndexAny(s, ",]")]
	}
	return ret
}

func (g *group) parked(by map[uint64]string) bool {
	if len(g.Members) != g.Count {
		return false
	}
	for _, m := range g.Members {
		ok := false
		for _, want := range g.accept {
			ok = ok || by[m.Goid] == want
		}
		if !ok {
			return false
		}
		m.Reason = by[m.Goid]
	}
	return true
}

// awaitParked returns when every promised goroutine stands where it was promised to stand: twice
// in a row, for a wait may be a passing one (a lock on the way to the real wait).
func awaitParked() {
	limit := time.Now().Add(20 * time.Second)
	for streak := 0; streak < 2; {
		by := reasons()
		late := ""
		groupsMu.Lock()
		for _, g := range groups {
			if !g.parked(by) {
				late = g.Name
				break
			}
		}
		groupsMu.Unlock()
		if streak++; late != "" {
			streak = 0
			if time.Now().After(limit) {
				os.Stderr.WriteString("never parked: " + late + "\n")
				os.Stderr.Write(profile(2))
				os.Exit(1)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func truth() map[string]interface{} {
	groupsMu.Lock()
	defer groupsMu.Unlock()
	for _, g := range groups {
		for _, m := range g.Members {
			m.Obj = m.obj()
		}
	}
	module := ""
	if bi, ok := debug.ReadBuildInfo(); ok {
		module = bi.Main.Path
	}
	return map[string]interface{}{
		"pid": os.Getpid(), "go": runtime.Version(), "module": module,
		"groups": groups, "born": born.UnixNano(), "now": time.Now().UnixNano(),
		"self": goid(), "total": runtime.NumGoroutine(),
		// Functions whose goroutines move by design: a comparison leaves them out.
		"moving": []string{"main.heartbeat", "main.run"},
	}
}

// chanAddr is the address of the hchan.
func chanAddr[T any](ch chan T) uint64 { return uint64(*(*uintptr)(unsafe.Pointer(&ch))) }

func elemName[T any](ch chan T) string { return reflect.TypeOf(ch).Elem().String() }

func chanObj[T any](ch chan T, dir string, senders, receivers int) *Obj {
	o := &Obj{Kind: "chan", Dir: dir, Senders: senders, Receivers: receivers}
	if ch != nil {
		o.Addr, o.Type, o.Cap, o.Len = chanAddr(ch), elemName(ch), cap(ch), len(ch)
	}
	return o
}
