// SPDX-License-Identifier: Apache-2.0

package main

import (
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"
)

// The heartbeat shows that nobody stopped, slowed or wrote to the process: it ticks every
// millisecond, and each tick sums a block of memory anew.

type beat struct {
	Beats  uint64 `json:"beats"`
	Bad    uint64 `json:"bad"`
	GapMax int64  `json:"gap_max_us"`
}

var (
	beatMu sync.Mutex
	beats  beat
)

func heartbeat() {
	block := make([]byte, 16<<10)
	for i := range block {
		block[i] = byte(i * 7)
	}
	want := crc32.ChecksumIEEE(block)
	last := time.Now()
	for {
		time.Sleep(time.Millisecond)
		got, now := crc32.ChecksumIEEE(block), time.Now()
		beatMu.Lock()
		beats.Beats++
		if got != want {
			beats.Bad++
		}
		if gap := now.Sub(last).Microseconds(); gap > beats.GapMax {
			beats.GapMax = gap
		}
		beatMu.Unlock()
		last = now
	}
}

func takeBeat() beat {
	beatMu.Lock()
	defer beatMu.Unlock()
	ret := beats
	beats = beat{}
	return ret
}

// Churn: goroutines of two kinds that share no function but churnPark. A stack in which both kinds
// stand was read torn.

var churning int32

func churnPark(ch chan int) { <-ch }

//go:noinline
func churnA(ch chan int, depth int) int {
	var room [20]int
	if depth == 0 {
		churnPark(ch)
		return 1
	}
	room[depth%20] = churnA(ch, depth-1)
	return room[depth%20] + 1
}

//go:noinline
func churnB(ch chan int, depth int) int {
	var room [50]int
	if depth == 0 {
		churnPark(ch)
		return 1
	}
	room[depth%50] = churnB(ch, depth-1)
	return room[depth%50] + 1
}

func churnRootA(ch chan int, depth int) { sink(churnA(ch, depth)) }
func churnRootB(ch chan int, depth int) { sink(churnB(ch, depth)) }

func churner(seed int) {
	for n := seed; atomic.LoadInt32(&churning) != 0; n++ {
		ch := make(chan int)
		for i := 0; i < 40; i++ {
			if i%2 == 0 {
				go churnRootA(ch, (n*7+i)%60)
			} else {
				go churnRootB(ch, (n*11+i)%60)
			}
		}
		for i := 0; i < 40; i++ {
			ch <- i
		}
	}
	churners.Done()
}

var churners sync.WaitGroup

func churn(on bool) {
	if on {
		atomic.StoreInt32(&churning, 1)
		churners.Add(4)
		for i := 0; i < 4; i++ {
			go churner(i * 100)
		}
		return
	}
	atomic.StoreInt32(&churning, 0)
	churners.Wait()
}

var isBusy int32

func busyLoop(done chan bool) {
	n := 0
	for atomic.LoadInt32(&isBusy) != 0 {
		n++
	}
	sink(n)
	close(done)
}

var busyDone chan bool

func busy(on bool) {
	if on {
		atomic.StoreInt32(&isBusy, 1)
		busyDone = make(chan bool)
		go busyLoop(busyDone)
		return
	}
	atomic.StoreInt32(&isBusy, 0)
	<-busyDone
}
