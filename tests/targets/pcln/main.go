// SPDX-License-Identifier: Apache-2.0

// Command pcln says what the runtime itself knows of its program counters. It prints
// `READY {"pid", "file", "base"}` (the file that it runs from and where that is mapped) and
// answers `truth` with `DATA length` and that many bytes of tab-separated lines:
//
//	pc PC ENTRY LINE FUNCTION FILE	one frame of runtime.CallersFrames; ENTRY 0 when unknown
//	stack				a stack begins
//	phys PC				its return addresses by frame pointers, innermost first
//	frame PC ENTRY LINE FUNCTION FILE	what runtime.Callers and CallersFrames make of it
//	end				of the stack
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
)

func main() { run() }

type mapping struct {
	start, end uintptr
	executable bool
}

// ownMappings returns those of the file that this code was loaded from, and its path.
func ownMappings() (string, []mapping) {
	self := reflect.ValueOf(ownMappings).Pointer()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	byFile := map[string][]mapping{}
	own := ""
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		var m mapping
		fmt.Sscanf(f[0], "%x-%x", &m.start, &m.end)
		m.executable = f[1][2] == 'x'
		byFile[f[5]] = append(byFile[f[5]], m)
		if m.start <= self && self < m.end {
			own = f[5]
		}
	}
	return own, byFile[own]
}

func writeFrame(w *bytes.Buffer, what string, pc uintptr, f runtime.Frame) {
	fmt.Fprintf(w, "%s\t%x\t%x\t%d\t%s\t%s\n", what, pc, f.Entry, f.Line, f.Function, f.File)
}

// writePCs asks the runtime about addresses all over the text.
func writePCs(w *bytes.Buffer, maps []mapping) {
	for _, m := range maps {
		if !m.executable {
			continue
		}
		for pc := m.start; pc < m.end; pc += 29 {
			f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
			writeFrame(w, "pc", pc, f)
		}
	}
}

func run() {
	file, maps := ownMappings()
	ready, _ := json.Marshal(map[string]interface{}{
		"pid": os.Getpid(), "file": file, "base": fmt.Sprintf("%x", maps[0].start),
	})
	fmt.Printf("READY %s\n", ready)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var w bytes.Buffer
		writePCs(&w, maps)
		writeStacks(&w)
		fmt.Printf("DATA %d\n", w.Len())
		os.Stdout.Write(w.Bytes())
	}
}
