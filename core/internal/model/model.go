// Package model explores a model of a protocol exhaustively.
package model

import "slices"

// Step is a step that a model can take: what happens, the state after it, and what is
// wrong with it, or "".
type Step[S comparable] func(label string, next S, wrong string)

// Explore visits every state that the steps lead to from first, breadth first. If one is
// wrong, it returns the shortest way to it.
func Explore[S comparable](first S, steps func(S, Step[S])) (states int, trace []string) {
	type from struct {
		parent int32
		label  string
	}
	index := map[S]int32{first: 0}
	all, came := []S{first}, []from{{-1, ""}}
	for i := 0; i < len(all) && trace == nil; i++ {
		steps(all[i], func(label string, next S, wrong string) {
			if trace != nil {
				return
			}
			if wrong != "" {
				trace = []string{label + ": " + wrong}
				for k := int32(i); came[k].parent >= 0; k = came[k].parent {
					trace = append(trace, came[k].label)
				}
				slices.Reverse(trace)
				return
			}
			if _, known := index[next]; !known {
				index[next] = int32(len(all))
				all, came = append(all, next), append(came, from{int32(i), label})
			}
		})
	}
	return len(all), trace
}
