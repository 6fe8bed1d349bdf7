// SPDX-License-Identifier: Apache-2.0

package main

/*
#include <unistd.h>
extern long back(long);
static long away(long n) { usleep(500); return back(n) + 1; }
*/
import "C"

import "sync/atomic"

//export back
func back(n C.long) C.long { return C.long(sumOf(make([]uint64, int(n)))) }

func sumOf(numbers []uint64) (sum uint64) {
	for i := range numbers {
		numbers[i] = uint64(i)
	}
	for _, n := range numbers {
		sum += n
	}
	return sum
}

func init() {
	callC = func() {
		if C.away(100) != 4951 {
			atomic.AddUint64(&bad, 1)
		}
	}
}
