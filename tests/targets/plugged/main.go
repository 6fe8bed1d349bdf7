// SPDX-License-Identifier: Apache-2.0

// Command plugged PLUGIN has a goroutine that waits on a channel that only a variable of the plugin
// leads to, and one that waits on a channel that nothing leads to.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"plugin"
	"runtime"
)

//go:noinline
func wait(ch chan int, ready chan string) {
	var buf [64]byte
	ready <- string(bytes.Fields(buf[:runtime.Stack(buf[:], false)])[1])
	<-ch
}

//go:noinline
func start(ready chan string, keep func(chan int)) string {
	ch := make(chan int)
	go wait(ch, ready)
	keep(ch)
	return <-ready
}

func main() {
	end, ready := make(chan bool), make(chan string)
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		end <- true
	}()
	p, err := plugin.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	keep, err := p.Lookup("Keep")
	if err != nil {
		panic(err)
	}
	alive := start(ready, keep.(func(chan int)))
	dead := start(ready, func(chan int) {})
	fmt.Printf("READY {\"pid\": %d, \"alive\": %s, \"dead\": %s}\n", os.Getpid(), alive, dead)
	<-end
}
