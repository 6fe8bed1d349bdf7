// SPDX-License-Identifier: Apache-2.0

//go:build go1.19 && !go1.27

package main

func spawnHTTP() {}
