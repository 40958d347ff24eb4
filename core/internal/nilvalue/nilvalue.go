// Package nilvalue finds what somebody has forgotten to set.
package nilvalue

import "reflect"

// Is reports whether v is nil, or a nil pointer or function in an interface.
func Is(v any) bool {
	switch value := reflect.ValueOf(v); value.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func:
		return value.IsNil()
	}
	return false
}
