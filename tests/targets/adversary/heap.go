// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// The heap besides: cells that point to each other, 256 bytes each, in chunks.
type cell struct {
	near [8]*cell
	r    waker
	rest [22]uintptr
}

const chunkCells = 1024

type chunk struct{ cells [chunkCells]*cell }

var cellHeap []*chunk

func newChunk(from *chunk) *chunk {
	c := new(chunk)
	for i := range c.cells {
		c.cells[i] = new(cell)
		if from != nil {
			*c.cells[i] = *from.cells[i]
			from.cells[i].r = nil
		}
		for k := 0; k < 8 && i > 0; k++ {
			c.cells[i].near[k] = c.cells[(i*40503+k*k*2654435)%i]
		}
	}
	return c
}

func fillHeap(mb int) {
	for i := 0; i < mb*4; i++ {
		cellHeap = append(cellHeap, newChunk(nil))
	}
}

// A reference lies in a random cell, and moves to another; cells are made anew all the time.
func moveCells(w *way) {
	at := make([][2]int, *perWay)
	place := func() [2]int {
		for {
			p := [2]int{w.rng.Intn(len(cellHeap)), w.rng.Intn(chunkCells)}
			if cellHeap[p[0]].cells[p[1]].r == nil {
				return p
			}
		}
	}
	if len(cellHeap) == 0 {
		fillHeap(1)
	}
	for i := range at {
		at[i] = place()
		cellHeap[at[i][0]].cells[at[i][1]].r = w.fresh()
	}
	for last := time.Now(); ; {
		for i := range at {
			to := place()
			from := cellHeap[at[i][0]].cells[at[i][1]]
			cellHeap[to[0]].cells[to[1]].r = w.step(from.r)
			from.r = nil
			at[i] = to
		}
		for ; time.Since(last) > time.Second/time.Duration(*churn*4+1); last = time.Now() {
			k := w.rng.Intn(len(cellHeap))
			if w.rng.Intn(2) == 0 {
				k = at[w.rng.Intn(len(at))][0]
			}
			if *churn > 0 {
				cellHeap[k] = newChunk(cellHeap[k])
			}
		}
	}
}

var grown []*chunk

// Cells in a row: quickly made.
func newRow() *chunk {
	c := new(chunk)
	var last *cell
	for i := range c.cells {
		last = &cell{near: [8]*cell{last}}
		c.cells[i] = last
	}
	return c
}

func growHeap() {
	for *grow > 0 {
		start := time.Now()
		for i := 0; i < *grow/20*4; i++ {
			grown = append(grown, newRow())
		}
		if len(grown) > 4<<9 {
			grown = nil
		}
		if rest := 50*time.Millisecond - time.Since(start); rest > 0 {
			time.Sleep(rest)
		}
	}
}
