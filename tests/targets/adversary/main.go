// SPDX-License-Identifier: Apache-2.0

// Command adversary has blocked goroutines that will all be woken, though the one reference by which
// each can be woken moves, or hides, all the time: every way that we know of. Among them are 300
// that nobody can wake. It prints `READY {truth}`: the ids of those 300; whoever else is blocked is
// living. Then it obeys its standard input, a line each, with an answer `DATA length` and JSON:
//
//	status		moves and wake-ups by way, collections
//	who N		what it knows of goroutine N
//	check		halts all ways, and says whether each wake-up arrived with its number
//	exit		or its end
//
// Flags: -heap MB of live heap besides, -gc how often a collection is forced, -churn MB/s of the
// heap that are made anew, -n waiters a way, -wake how often each wakes one, -ways a comma list, -grow MB/s that the heap grows by.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A way for references to move. move() runs for ever and calls step() with each it has.
type way struct {
	name string
	move func(w *way)

	mu               sync.Mutex
	rng              *rand.Rand
	lastWake         time.Time
	kind             int
	moves            int64
	started, woken   int64
	finished         int64
	sumSent, sumSeen int64
}

var (
	heapMB = flag.Int("heap", 16, "MB of live heap")
	gcGap  = flag.Duration("gc", 50*time.Millisecond, "forced collections; 0 none")
	churn  = flag.Int("churn", 8, "MB/s of the heap that are made anew")
	perWay = flag.Int("n", 6, "waiters a way")
	only   = flag.String("ways", "", "these ways alone")
	wakes  = flag.Duration("wake", time.Second, "between two wake-ups of a way")
	grow   = flag.Int("grow", 0, "MB/s that the heap grows by")
)

// Who waits: goroutine id -> name of the way.
var waiting sync.Map

var gate sync.RWMutex

// What all do between two moves: mostly nothing, now and then a rest or a sleep.
func (w *way) rest() {
	gate.RLock()
	gate.RUnlock() //lint:ignore SA2001 a gate
	w.mu.Lock()
	k := w.rng.Intn(64)
	d := time.Duration(w.rng.Intn(2000)) * time.Microsecond
	w.mu.Unlock()
	switch {
	case k < 6:
		time.Sleep(d)
	case k < 16:
		runtime.Gosched()
	}
}

// Counts a move of r; wakes the waiter now and then, and then returns another one's.
//
//go:noinline
func (w *way) step(r waker) waker {
	w.rest()
	atomic.AddInt64(&w.moves, 1)
	w.mu.Lock()
	due := time.Since(w.lastWake) > *wakes
	var n int64
	if due {
		w.lastWake = time.Now()
		n = w.rng.Int63n(1 << 30)
	}
	w.mu.Unlock()
	if !due {
		return r
	}
	w.countWake(n)
	r.wake(n)
	return w.fresh()
}

func (w *way) countWake(n int64) {
	atomic.AddInt64(&w.moves, 1)
	atomic.AddInt64(&w.woken, 1)
	atomic.AddInt64(&w.sumSent, n)
}

// A new waiter; what is returned alone can wake it.
func (w *way) fresh() waker {
	w.mu.Lock()
	w.kind++
	kind := w.kind
	w.mu.Unlock()
	atomic.AddInt64(&w.started, 1)
	return startWaiter(w, kind)
}

// In the waiter: it was woken with that number.
func (w *way) done(n int64) {
	waiting.Delete(goid())
	atomic.AddInt64(&w.sumSeen, n)
	atomic.AddInt64(&w.finished, 1)
}

func (w *way) some() []waker {
	all := make([]waker, *perWay)
	for i := range all {
		all[i] = w.fresh()
	}
	return all
}

func (w *way) begin() {
	w.rng = rand.New(rand.NewSource(int64(len(w.name))*7919 + time.Now().UnixNano()))
	w.lastWake = time.Now()
	go w.move(w)
}

func goid() uint64 {
	var buf [64]byte
	fields := strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))
	n, _ := strconv.ParseUint(fields[1], 10, 64)
	return n
}

func selected() []*way {
	if *only == "" {
		return ways
	}
	var some []*way
	for _, name := range strings.Split(*only, ",") {
		for _, w := range ways {
			if w.name == name {
				some = append(some, w)
			}
		}
	}
	return some
}

type wayStatus struct {
	Moves    int64 `json:"moves"`
	Woken    int64 `json:"woken"`
	Finished int64 `json:"finished"`
}

func status(all []*way) map[string]interface{} {
	byWay := map[string]wayStatus{}
	for _, w := range all {
		byWay[w.name] = wayStatus{atomic.LoadInt64(&w.moves), atomic.LoadInt64(&w.woken),
			atomic.LoadInt64(&w.finished)}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]interface{}{"ways": byWay, "gcs": m.NumGC, "heap_inuse": m.HeapInuse,
		"heap_alloc": m.HeapAlloc, "goroutines": runtime.NumGoroutine()}
}

func quiet(all []*way) bool {
	for _, w := range all {
		if atomic.LoadInt64(&w.woken) != atomic.LoadInt64(&w.finished) {
			return false
		}
	}
	return true
}

// Halts the movers; what was woken must have arrived, with its number.
func check(all []*way) map[string]interface{} {
	gate.Lock()
	defer gate.Unlock()
	for i := 0; i < 500 && !quiet(all); i++ {
		time.Sleep(10 * time.Millisecond)
	}
	var wrong []string
	for _, w := range all {
		if atomic.LoadInt64(&w.woken) != atomic.LoadInt64(&w.finished) ||
			atomic.LoadInt64(&w.sumSent) != atomic.LoadInt64(&w.sumSeen) ||
			atomic.LoadInt64(&w.moves) == 0 {
			wrong = append(wrong, w.name)
		}
	}
	return map[string]interface{}{"ok": wrong == nil, "wrong": wrong}
}

func who(arg string) map[string]interface{} {
	n, _ := strconv.ParseUint(arg, 10, 64)
	name, found := waiting.Load(n)
	if !found {
		return map[string]interface{}{"way": nil}
	}
	return map[string]interface{}{"way": name}
}

func collect() {
	for *gcGap > 0 {
		time.Sleep(*gcGap)
		runtime.GC()
	}
}

func answer(v interface{}) {
	out, _ := json.Marshal(v)
	fmt.Printf("DATA %d\n%s", len(out), out)
}

func main() {
	flag.Parse()
	all := selected()
	fillHeap(*heapMB)
	leaked := leakAll()
	for _, w := range all {
		w.begin()
	}
	go collect()
	go growHeap()
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	var names []string
	for _, w := range all {
		names = append(names, w.name)
	}
	truth, _ := json.Marshal(map[string]interface{}{"pid": os.Getpid(), "leaked": leaked,
		"ways": names, "waiters": len(all) * *perWay})
	fmt.Printf("READY %s\n", truth)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := strings.Fields(in.Text())
		switch {
		case len(words) == 2 && words[0] == "who":
			answer(who(words[1]))
		case len(words) == 1 && words[0] == "status":
			answer(status(all))
		case len(words) == 1 && words[0] == "check":
			answer(check(all))
		default:
			return
		}
	}
}
