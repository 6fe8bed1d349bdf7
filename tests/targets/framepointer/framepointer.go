// SPDX-License-Identifier: Apache-2.0

// Package framepointer reads the frame pointer register; it stands apart because a package with
// cgo cannot have Go assembly.
package framepointer

// Get returns the frame pointer of its caller.
func Get() uintptr
