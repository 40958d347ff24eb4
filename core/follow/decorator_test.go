package follow_test

import (
	"reflect"
	"testing"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The stores that embed a Decorator have its methods: these are the Source's, and Reader.
func TestDecoratorAddsNoMethods(t *testing.T) {
	source := reflect.TypeFor[*tenancy.Decorator]()
	decorator := reflect.TypeFor[*follow.Decorator]()
	for i := range decorator.NumMethod() {
		m := decorator.Method(i)
		if _, ok := source.MethodByName(m.Name); !ok && m.Name != "Reader" {
			t.Errorf("%s is a method of every store that embeds a Decorator", m.Name)
		}
	}
}
