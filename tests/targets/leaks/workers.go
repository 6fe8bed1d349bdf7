// SPDX-License-Identifier: Apache-2.0

package main

// A worker serves its own queue, and is gone when its owner forgets to stop it.
type worker struct {
	name string
	jobs chan func()
	quit chan struct{}
}

func newWorker(s *spot) *worker {
	w := &worker{name: "w", jobs: make(chan func(), 4)}
	go w.serve(s)
	return w
}

//go:noinline
func (w *worker) serve(s *spot) {
	s.enter()
	for {
		job := <-w.jobs
		job()
		w.name += "."
	}
}

func newRanger(s *spot) *worker {
	w := &worker{name: "r", jobs: make(chan func())}
	go w.serveRange(s)
	return w
}

//go:noinline
func (w *worker) serveRange(s *spot) {
	s.enter()
	for job := range w.jobs {
		job()
		w.name += "."
	}
}

func newStoppable(s *spot) *worker {
	w := &worker{name: "s", jobs: make(chan func()), quit: make(chan struct{})}
	go w.serveUntil(s)
	return w
}

//go:noinline
func (w *worker) serveUntil(s *spot) {
	s.enter()
	for {
		select {
		case job := <-w.jobs:
			job()
		case <-w.quit:
			return
		}
		w.name += "."
	}
}

//go:noinline
func useWorker(w *worker) {
	done := make(chan struct{})
	w.jobs <- func() { close(done) }
	<-done
}

func spawnWorkers() {
	s := leak("orphan-worker", "worker/loop", 4, "chan receive")
	for i := 0; i < 4; i++ {
		useWorker(newWorker(s))
	}
	s = leak("orphan-worker|range-unclosed", "worker/range", 3, "chan receive")
	for i := 0; i < 3; i++ {
		useWorker(newRanger(s))
	}
	s = leak("orphan-worker|select-orphan", "worker/select", 3, "select")
	for i := 0; i < 3; i++ {
		useWorker(newStoppable(s))
	}
	s = leak("orphan-worker", "worker/never used", 3, "chan receive")
	for i := 0; i < 3; i++ {
		newWorker(s)
	}
}

//go:noinline
func sendNil(s *spot, ch chan int) {
	s.enter()
	ch <- 1
}

//go:noinline
func recvNil(s *spot, ch chan int) {
	s.enter()
	<-ch
}

//go:noinline
func drainNil(s *spot, ch chan int) {
	s.enter()
	for range ch {
	}
}

//go:noinline
func forever(s *spot) {
	s.enter()
	select {}
}

func spawnEndless() {
	s := leak("nil-chan-send", "endless/send", 3, "chan send (nil chan)")
	for i := 0; i < 3; i++ {
		go sendNil(s, nil)
	}
	s = leak("nil-chan-send", "endless/send of a field", 2, "chan send (nil chan)")
	for i := 0; i < 2; i++ {
		go (&client{name: "d"}).report(s)
	}
	s = leak("nil-chan-recv", "endless/recv", 6, "chan receive (nil chan)")
	for i := 0; i < 3; i++ {
		go recvNil(s, nil)
	}
	for i := 0; i < 3; i++ {
		go drainNil(s, nil)
	}
	s = leak("select-forever", "endless/select", 3, "select (no cases)")
	for i := 0; i < 3; i++ {
		go forever(s)
	}
}
