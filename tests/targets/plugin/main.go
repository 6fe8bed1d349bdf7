// SPDX-License-Identifier: Apache-2.0

// A plugin with a variable of its own, for tests/targets/plugged.
package main

type holder struct {
	ch  chan int
	pad [5]uint64
}

var kept *holder

// Keep makes a variable of the plugin's the only one that leads to the channel.
func Keep(ch chan int) { kept = &holder{ch: ch} }

func main() {}
