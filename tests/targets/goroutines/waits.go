// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// rawFD does not use File.Fd, which would make the descriptor blocking.
func rawFD(c syscall.Conn) int {
	raw, err := c.SyscallConn()
	must(err)
	ret := -1
	must(raw.Control(func(fd uintptr) { ret = int(fd) }))
	return ret
}

func connObj(c net.Conn, mode, state string) *Obj {
	o := &Obj{Kind: "fd", Proto: c.LocalAddr().Network(), Mode: mode, TCPState: state}
	o.FD = rawFD(c.(syscall.Conn))
	if o.Proto != "unix" {
		o.Local = c.LocalAddr().String()
		if c.RemoteAddr() != nil {
			o.Peer = c.RemoteAddr().String()
		}
	}
	return o
}

// connected is the two ends of a connection.
func connected(network, address string) (net.Conn, net.Conn) {
	l, err := net.Listen(network, address)
	must(err)
	defer l.Close()
	a, err := net.Dial(network, l.Addr().String())
	must(err)
	b, err := l.Accept()
	must(err)
	keep = append(keep, a, b)
	return a, b
}

func readTCP(g *group, c net.Conn) {
	g.enter(func() *Obj { return connObj(c, "r", "ESTABLISHED") })
	c.Read(make([]byte, 1))
}

func readDeadline(g *group, c net.Conn, d time.Duration) {
	until := time.Now().Add(d)
	c.SetReadDeadline(until)
	g.enter(func() *Obj {
		o := connObj(c, "r", "ESTABLISHED")
		o.Until = until.UnixNano()
		return o
	})
	c.Read(make([]byte, 1))
}

// readSecond queues behind another reader of the same connection.
func readSecond(g *group, c net.Conn) {
	g.enter(func() *Obj { return &Obj{Kind: "sema"} })
	c.Read(make([]byte, 1))
}

func writeTCP(g *group, c net.Conn) {
	g.enter(func() *Obj { return connObj(c, "w", "ESTABLISHED") })
	for buf := make([]byte, 1<<16); ; {
		if _, err := c.Write(buf); err != nil {
			panic(err)
		}
	}
}

func acceptTCP(g *group, l net.Listener) {
	g.enter(func() *Obj {
		return &Obj{Kind: "fd", Proto: "tcp", Local: l.Addr().String(), Mode: "r",
			TCPState: "LISTEN", FD: rawFD(l.(syscall.Conn))}
	})
	l.Accept()
}

func readUDP(g *group, c *net.UDPConn) {
	g.enter(func() *Obj { return connObj(c, "r", "") })
	c.ReadFromUDP(make([]byte, 1))
}

func readUnix(g *group, c net.Conn) {
	g.enter(func() *Obj { return connObj(c, "r", "") })
	c.Read(make([]byte, 1))
}

func readPipe(g *group, f *os.File) {
	g.enter(func() *Obj { return &Obj{Kind: "fd", FD: rawFD(f), Mode: "r", Proto: "pipe"} })
	f.Read(make([]byte, 1))
}

// readRaw blocks a thread in the kernel.
func readRaw(g *group, fd int) {
	g.enter(nothing)
	syscall.Read(fd, make([]byte, 1))
}

func lockedThread(g *group, ch chan int8) {
	runtime.LockOSThread()
	g.enter(func() *Obj { return chanObj(ch, "recv", 0, 1) })
	<-ch
}

func spawnIO() {
	g := newGroup("read tcp", "main.readTCP", 4, "IO wait")
	for i := 0; i < 2; i++ {
		a, b := connected("tcp", "127.0.0.1:0")
		go readTCP(g, a)
		go readTCP(g, b)
	}

	g = newGroup("read with deadline", "main.readDeadline", 3, "IO wait")
	for i := 0; i < 3; i++ {
		a, _ := connected("tcp", "127.0.0.1:0")
		go readDeadline(g, a, time.Duration(i+1)*time.Hour)
	}

	g = newGroup("read, first", "main.readTCP", 1, "IO wait")
	a, _ := connected("tcp", "127.0.0.1:0")
	go readTCP(g, a)
	// The second must come second: the first is parked already.
	awaitParked()
	g = newGroup("read, second", "main.readSecond", 1, "semacquire")
	go readSecond(g, a)

	g = newGroup("write tcp", "main.writeTCP", 1, "IO wait")
	a, _ = connected("tcp", "127.0.0.1:0")
	go writeTCP(g, a)

	g = newGroup("accept", "main.acceptTCP", 2, "IO wait")
	for i := 0; i < 2; i++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		go acceptTCP(g, l)
	}
	if a, ok := connectedV6(); ok {
		g = newGroup("read tcp6", "main.readTCP", 1, "IO wait")
		go readTCP(g, a)
	}
	spawnFiles()
}

func connectedV6() (net.Conn, bool) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return nil, false
	}
	l.Close()
	a, _ := connected("tcp6", "[::1]:0")
	return a, true
}

func spawnFiles() {
	g := newGroup("read udp", "main.readUDP", 1, "IO wait")
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	go readUDP(g, u)

	g = newGroup("read unix", "main.readUnix", 2, "IO wait")
	for i := 0; i < 2; i++ {
		c, _ := connected("unix", fmt.Sprintf("@loiter-%d-%d", os.Getpid(), i))
		go readUnix(g, c)
	}

	g = newGroup("read os.Pipe", "main.readPipe", 2, "IO wait")
	for i := 0; i < 2; i++ {
		r, w, err := os.Pipe()
		must(err)
		keep = append(keep, w)
		go readPipe(g, r)
	}

	g = newGroup("blocking read", "main.readRaw", 3, "syscall")
	for i := 0; i < 3; i++ {
		var p [2]int
		must(syscall.Pipe(p[:]))
		go readRaw(g, p[0])
	}

	g = newGroup("locked to a thread", "main.lockedThread", 2, "chan receive")
	g.Locked = true
	for i := 0; i < 2; i++ {
		go lockedThread(g, make(chan int8))
	}
}
