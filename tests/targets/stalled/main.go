// SPDX-License-Identifier: Apache-2.0

// A program with pages of its heap that never arrive: they are given to a userfaultfd that nobody
// answers. Its own collector is off, or it would be the first to wait.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"unsafe"
)

const (
	page       = 4096
	pages      = 64
	sysUffd    = 323
	uffdAPI    = 0xc018aa3f
	uffdReg    = 0xc020aa00
	modeMiss   = 1
	apiVersion = 0xaa
)

// Of pointers, so that whoever asks who holds what looks inside.
var kept []*int

func must(what string, errno syscall.Errno) {
	if errno != 0 {
		fmt.Fprintln(os.Stderr, what, errno)
		os.Exit(1)
	}
}

func stall(start, length uintptr) {
	fd, _, errno := syscall.Syscall(sysUffd, 0, 0, 0)
	must("userfaultfd", errno)
	api := [3]uint64{apiVersion, 0, 0}
	_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, uffdAPI, uintptr(unsafe.Pointer(&api)))
	must("UFFDIO_API", errno)
	_, _, errno = syscall.Syscall(syscall.SYS_MADVISE, start, length, syscall.MADV_DONTNEED)
	must("madvise", errno)
	register := [4]uint64{uint64(start), uint64(length), modeMiss, 0}
	_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, uffdReg,
		uintptr(unsafe.Pointer(&register)))
	must("UFFDIO_REGISTER", errno)
}

func main() {
	debug.SetGCPercent(-1)
	kept = make([]*int, (pages+2)*page/8)
	kept[0] = new(int)
	blocked := make(chan int)
	for i := 0; i < 5; i++ {
		go func() { blocked <- i }()
	}
	start := (uintptr(unsafe.Pointer(&kept[0])) + page) &^ (page - 1)
	stall(start, pages*page)
	fmt.Printf("READY {\"pid\": %d, \"start\": %d, \"bytes\": %d, \"senders\": 5}\n", os.Getpid(),
		start, pages*page)
	bufio.NewReader(os.Stdin).ReadString('\n')
	_ = kept[0]
}
