// SPDX-License-Identifier: Apache-2.0

// Command reflected has many objects of a type that reflect made as it ran, which lies in the heap
// itself, in front of everything else. Some goroutines wait for channels that only such objects hold,
// in a pointer; others for channels that stand there as a number.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

const waiters, ballast = 100, 64 << 20

type item struct {
	next *item
	body [6]uint64
}

var (
	boxes []reflect.Value
	items *item
)

// A struct of 80 pairs of a pointer and a number: of those that have a type in front.
func makeType() reflect.Type {
	var fields []reflect.StructField
	for i := 0; i < 80; i++ {
		fields = append(fields,
			reflect.StructField{Name: "P" + strconv.Itoa(i), Type: reflect.TypeOf(unsafe.Pointer(nil))},
			reflect.StructField{Name: "N" + strconv.Itoa(i), Type: reflect.TypeOf(uintptr(0))})
	}
	return reflect.StructOf(fields)
}

func goid() int {
	buf := make([]byte, 64)
	id, _ := strconv.Atoi(strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1])
	return id
}

//go:noinline
func wait(ch chan int, ids chan<- int) {
	ids <- goid()
	<-ch
}

//go:noinline
func start(box reflect.Value, field int) int {
	ch, ids := make(chan int), make(chan int)
	go wait(ch, ids)
	p := *(*unsafe.Pointer)(unsafe.Pointer(&ch))
	if f := box.Elem().Field(field); f.Kind() == reflect.Uintptr {
		f.SetUint(uint64(uintptr(p)))
	} else {
		f.SetPointer(p)
	}
	return <-ids
}

func list(ids []int) string {
	return strings.ReplaceAll(fmt.Sprint(ids), " ", ", ")
}

func main() {
	var held, lost []int
	t := makeType()
	for n := 0; n < ballast; n += int(unsafe.Sizeof(item{})) {
		items = &item{next: items}
	}
	for i := 0; i < waiters; i++ {
		box := reflect.New(t)
		boxes = append(boxes, box)
		held = append(held, start(box, 2*(i%80)))
		lost = append(lost, start(box, 2*(i%80)+1))
	}
	runtime.GC()
	fmt.Printf("READY {\"held\": %s, \"lost\": %s}\n", list(held), list(lost))
	os.Stdin.Read(make([]byte, 1))
	runtime.KeepAlive(t)
}
