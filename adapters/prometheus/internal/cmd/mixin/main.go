// Command mixin writes the files of package mixin:
//
//	mixin [root of the repository]
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/internal/mixin"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := write(root); err != nil {
		fmt.Fprintln(os.Stderr, "mixin:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	files, err := mixin.Files()
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
