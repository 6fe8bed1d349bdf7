// SPDX-License-Identifier: Apache-2.0

//go:build cshared

package main

import "C"

// goRun is main for a program that is not a Go one.
//
//export goRun
func goRun() { run() }
