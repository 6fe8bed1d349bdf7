// SPDX-License-Identifier: Apache-2.0

//go:build go1.27

package main

// Go 1.27: a generic method of a generic type has two shortened parts in its name.
type box[T any] struct{ v T }

//go:noinline
func (b *box[T]) convert[U any](u U, f func()) { f(); sink++ }

func init() {
	newer = append(newer, func() {
		b := &box[[]string]{}
		b.convert(map[string]int{}, func() { capture() })
	})
}
