// SPDX-License-Identifier: Apache-2.0

//go:build go1.25

package main

// Cleanups have goroutines of their own, as many as a quarter of the processors, at least one.
const waitsForCleanups = true
