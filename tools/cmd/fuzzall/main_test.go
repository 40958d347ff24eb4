package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"core/a/a_test.go": "package a\n\nfunc FuzzOne(f *testing.F) {}\n\nfunc FuzzTwo(f *testing.F) {}\n\n// func FuzzNot(\n",
		"core/a/a.go":      "package a\n\nfunc FuzzNeither(x int) {}\n",
		"core/b/b_test.go": "package b\n\nfunc TestThree(t *testing.T) {}\n",
		"else/c_test.go":   "package c\n\nfunc FuzzFour(f *testing.F) {}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := find([]string{"core"})
	want := []target{{"./core/a", "FuzzOne"}, {"./core/a", "FuzzTwo"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("found %v, %v, want %v", got, err, want)
	}
	if _, err := find([]string{"missing"}); err == nil {
		t.Error("a directory that is missing is no error")
	}
}

func TestRunStopsAtAFailure(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.com/m\n\ngo 1.25.0\n",
		"m_test.go": "package m\n\nfunc FuzzFails(f *testing.F) {\n", // as it does not even compile
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir) // back again at the end
	if err := run(dir, "1x", []string{"."}); err == nil {
		t.Error("a failing fuzz target is no error")
	}
}
