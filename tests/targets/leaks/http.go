// SPDX-License-Identifier: Apache-2.0

// The package takes long to compile: not for every release.
//go:build !go1.19 || go1.27

package main

import (
	"io"
	"net"
	"net/http"
)

// spawnHTTP: a server with idle connections, and their client. Nobody of theirs enters a spot.
func spawnHTTP() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "ok")
	}))
	for i := 0; i < 3; i++ {
		c := &http.Client{Transport: &http.Transport{}}
		r, err := c.Get("http://" + l.Addr().String())
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
}
