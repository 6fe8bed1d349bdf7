// SPDX-License-Identifier: Apache-2.0

// Goroutines that sleep for good in C: two in each other's mutexes, others behind these. Says READY
// and how many of each once all of them sleep.
package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static int holding, sleepers[8], n_sleepers;

static void note_thread(void)
{
	sleepers[__sync_fetch_and_add(&n_sleepers, 1)] = (int)syscall(SYS_gettid);
}

__attribute__((noinline)) void c_take_both(int first, int second)
{
	pthread_mutex_lock(&lock[first]);
	__sync_fetch_and_add(&holding, 1);
	while (__sync_fetch_and_add(&holding, 0) < 2)
		usleep(1000);
	note_thread();
	pthread_mutex_lock(&lock[second]);
	__sync_fetch_and_add(&holding, 1);
}

__attribute__((noinline)) void c_take_one(int n)
{
	while (__sync_fetch_and_add(&holding, 0) < 2)
		usleep(1000);
	note_thread();
	pthread_mutex_lock(&lock[n]);
	__sync_fetch_and_add(&holding, 1);
}

static int noted(void) { return __sync_fetch_and_add(&n_sleepers, 0); }
static int sleeper(int i) { return sleepers[i]; }
static unsigned long lock_addr(int i) { return (unsigned long)&lock[i]; }
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

const behind = 3

func takeBoth(first, second int) { C.c_take_both(C.int(first), C.int(second)) }
func takeOne()                   { C.c_take_one(0) }

func sleeps(tid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
	return err == nil && strings.HasPrefix(string(b), "202 ")
}

func main() {
	go takeBoth(0, 1)
	go takeBoth(1, 0)
	for i := 0; i < behind; i++ {
		go takeOne()
	}
	for int(C.noted()) < 2+behind {
		time.Sleep(time.Millisecond)
	}
	for i := 0; i < 2+behind; i++ {
		for !sleeps(int(C.sleeper(C.int(i)))) {
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Printf("READY {\"pid\": %d, \"locks\": [%d, %d], \"behind\": %d}\n", os.Getpid(),
		uint64(C.lock_addr(0)), uint64(C.lock_addr(1)), behind)
	bufio.NewReader(os.Stdin).ReadString('\n')
}
