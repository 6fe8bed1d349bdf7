// SPDX-License-Identifier: Apache-2.0
package main

import (
	"os"
	"syscall"
)

// blocking returns an end of a pipe that a read waits on in the kernel.
func blocking() *os.File {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	r := os.NewFile(uintptr(fds[0]), "blocking")
	pipes = append(pipes, r)
	return r
}
