// SPDX-License-Identifier: Apache-2.0

//go:build go1.24 && !go1.25

package main

// They wait in the queue of finalizers, which is stuck already.
const waitsForCleanups = false
