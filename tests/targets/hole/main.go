// SPDX-License-Identifier: Apache-2.0

// Command hole parks ten goroutines, and makes the memory that one of them stands on unreadable.
package main

import (
	"fmt"
	"runtime/debug"
	"syscall"
	"unsafe"
)

var never = make(chan int)

const page = 4096

func park(at chan<- uintptr) int {
	var room [12 << 10]int
	// Its address is all that leaves: the stack does not move any more after this.
	at <- uintptr(unsafe.Pointer(&room))
	room[1] = <-never
	return room[1]
}

func main() {
	debug.SetGCPercent(-1)
	at := make(chan uintptr)
	var last uintptr
	for i := 0; i < 10; i++ {
		go park(at)
		last = <-at
	}
	// The receive may be still on its way to park: its frames are below room, in these two pages.
	for waiting := false; !waiting; {
		waiting = allParked()
	}
	first := last&^(page-1) - page
	_, _, errno := syscall.Syscall(syscall.SYS_MPROTECT, first, 2*page, syscall.PROT_NONE)
	if errno != 0 {
		panic(errno)
	}
	fmt.Println("READY {}")
	var b [1]byte
	syscall.Read(0, b[:])
}
