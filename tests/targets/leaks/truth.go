// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A spot is a place where goroutines stay.
type spot struct {
	Name string `json:"name"`
	// What they are to be called; several where more than one name is true. None: they are
	// healthy.
	Patterns []string `json:"patterns,omitempty"`
	// Nobody has to find them: the runtime itself may still have a way to them.
	Hidden bool     `json:"hidden,omitempty"`
	Goids  []uint64 `json:"goids"`
	// What they alone hold, besides what they wait on; nothing is promised where it is 0.
	HeapBytes uint64 `json:"heap_bytes,omitempty"`
	count     int
	reasons   []string
}

var (
	spotsMu sync.Mutex
	spots   []*spot
)

func newSpot(name string, n int, reasons string) *spot {
	s := &spot{Name: name, count: n, reasons: strings.Split(reasons, "|")}
	spotsMu.Lock()
	spots = append(spots, s)
	spotsMu.Unlock()
	return s
}

// leak promises n goroutines that call enter and then wait for ever, for one of the reasons ("a|b":
// the runtime's words changed over the releases).
func leak(patterns, name string, n int, reasons string) *spot {
	s := newSpot(name, n, reasons)
	s.Patterns = strings.Split(patterns, "|")
	return s
}

// healthy promises n goroutines that do the same and can be woken.
func healthy(name string, n int, reasons string) *spot { return newSpot(name, n, reasons) }

// enter makes the calling goroutine one of the spot's.
func (s *spot) enter() {
	id := goid()
	spotsMu.Lock()
	s.Goids = append(s.Goids, id)
	spotsMu.Unlock()
}

func goid() uint64 {
	var buf [64]byte
	s := string(buf[:runtime.Stack(buf[:], false)])
	id, _ := strconv.ParseUint(strings.Fields(s)[1], 10, 64)
	return id
}

// reasons is each goroutine's wait reason by the runtime's own dump.
func reasons() map[uint64]string {
	buf := make([]byte, 4<<20)
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

func (s *spot) parked(by map[uint64]string) bool {
	if len(s.Goids) != s.count {
		return false
	}
	for _, id := range s.Goids {
		ok := false
		for _, want := range s.reasons {
			ok = ok || by[id] == want
		}
		if !ok {
			return false
		}
	}
	return true
}

// stray is a spot whose goroutines do not stand where it was promised; "": there is none.
func stray() string {
	by := reasons()
	spotsMu.Lock()
	defer spotsMu.Unlock()
	for _, s := range spots {
		if !s.parked(by) {
			return s.Name
		}
	}
	return ""
}

// awaitParked returns when every goroutine has stood in its place twice in a row: a lock on the way
// there may be a wait of the same name.
func awaitParked() {
	limit := time.Now().Add(20 * time.Second)
	for streak := 0; streak < 2; streak++ {
		if late := stray(); late != "" {
			streak = -1
			if time.Now().After(limit) {
				os.Stderr.WriteString("never parked: " + late + "\n")
				os.Exit(1)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func truth() map[string]interface{} {
	spotsMu.Lock()
	defer spotsMu.Unlock()
	return map[string]interface{}{"pid": os.Getpid(), "go": runtime.Version(), "spots": spots}
}
