// SPDX-License-Identifier: Apache-2.0

// Command inc has 60 goroutines in C and few others, prints READY when all are there, and waits for
// its standard input to end.
package main

/*
#include <unistd.h>

static int entered;

static void wait_in_c(void)
{
	__atomic_fetch_add(&entered, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static int all_entered(void) { return __atomic_load_n(&entered, __ATOMIC_SEQ_CST); }
*/
import "C"

import (
	"os"
	"time"
)

const many = 60

func callC() { C.wait_in_c() }

func main() {
	for i := 0; i < many; i++ {
		go callC()
	}
	for C.all_entered() < many {
		time.Sleep(time.Millisecond)
	}
	os.Stdout.WriteString("READY {}\n")
	os.Stdin.Read(make([]byte, 1))
}
