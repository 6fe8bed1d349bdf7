// SPDX-License-Identifier: Apache-2.0

// Command exact does work whose outcome is known beforehand: goroutines that pass numbers on, lock,
// and come and go, all from fixed seeds. What disturbs them shows in the sum. It prints
// `READY {truth}` and then obeys its standard input:
//
//	run ROUNDS	answers with the sum
//	keep		runs for good, in the background
//	exec PATH	becomes that program, with standard input and output
//	exit		ends
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

const lanes, depth = 4, 8

func mix(h, v uint64) uint64 { return (h ^ v) * 1099511628211 }

// A lane is a chain of goroutines; each adds its own to what comes through.
func lane(seed uint64, rounds int) uint64 {
	first := make(chan uint64)
	in := first
	for i := 0; i < depth; i++ {
		out := make(chan uint64)
		go func(in, out chan uint64, own uint64) {
			for v := range in {
				out <- mix(v, own)
			}
			close(out)
		}(in, out, seed+uint64(i))
		in = out
	}
	go func() {
		for i := 0; i < rounds; i++ {
			first <- seed + uint64(i)
		}
		close(first)
	}()
	sum := uint64(14695981039346656037)
	for v := range in {
		sum = mix(sum, v)
	}
	return sum
}

func run(rounds int) uint64 {
	var (
		wait  sync.WaitGroup
		lock  sync.Mutex
		total uint64
	)
	for i := 0; i < lanes; i++ {
		wait.Add(1)
		go func(seed uint64) {
			defer wait.Done()
			sum := lane(seed, rounds)
			lock.Lock()
			total += sum
			lock.Unlock()
		}(uint64(i) << 32)
	}
	wait.Wait()
	return total
}

func answer(text string) { fmt.Printf("ANSWER %d\n%s", len(text), text) }

func main() {
	fmt.Printf("READY {\"pid\": %d}\n", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		command, arg, _ := strings.Cut(in.Text(), " ")
		switch command {
		case "run":
			rounds, _ := strconv.Atoi(arg)
			answer(fmt.Sprintf("{\"sum\": \"%016x\"}", run(rounds)))
		case "keep":
			go func() {
				for {
					run(1000)
				}
			}()
		case "exec":
			syscall.Exec(arg, []string{arg}, os.Environ())
		case "exit":
			return
		}
	}
}
