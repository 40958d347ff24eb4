package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newEdit(a *app) *cobra.Command {
	var f fields
	cmd := &cobra.Command{
		Use: "edit TENANT", Short: "Edit a tenant, by flags or in $EDITOR", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeOne,
		Long: "Edit a tenant: the fields of the flags, or without any the JSON of the tenant in $VISUAL or $EDITOR. It is\n" +
			"written if nobody else has changed the tenant meanwhile (exit code 6). What cannot be written is kept in a\n" +
			"file that the error names.",
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := f.change(cmd, a.in)
			if err != nil {
				return err
			}
			if change == nil {
				return a.editInEditor(cmd.Context(), args[0])
			}
			return a.modify(cmd.Context(), args[0], func(t *tenancy.Tenant) error {
				change(t)
				return nil
			})
		},
	}
	f.flags(cmd)
	a.secretFlag(cmd)
	a.keepFormerFlag(cmd)
	a.dryRunFlag(cmd)
	return cmd
}

// editable is what an editor is shown of a tenant. The database URL is there only if it was
// asked for.
type editable struct {
	Identifier  string            `json:"identifier"`
	Name        string            `json:"name"`
	Status      tenancy.Status    `json:"status"`
	Isolation   tenancy.Isolation `json:"isolation"`
	SchemaName  string            `json:"schema_name"`
	DatabaseURL *string           `json:"database_url,omitempty"`
	Metadata    tenancy.Metadata  `json:"metadata"`
}

// editInEditor has a person edit the tenant.
func (a *app) editInEditor(ctx context.Context, arg string) error {
	return a.write(ctx, func(ctx context.Context, store tenancy.Store) error {
		t, err := find(ctx, store, arg)
		if err != nil {
			return err
		}
		before := editable{t.Identifier, t.Name, t.Status, t.Isolation, t.SchemaName, nil, t.Metadata}
		if a.secrets {
			if err := t.DatabaseURL.Err(); err != nil {
				return err
			}
			text := t.DatabaseURL.Reveal()
			before.DatabaseURL = &text
		}
		name, err := editFile(before)
		if err != nil {
			return err
		}
		after, err := a.edited(ctx, name)
		if err == nil {
			t.Identifier, t.Name, t.Status, t.Isolation, t.SchemaName, t.Metadata = after.Identifier, after.Name, after.Status, after.Isolation, after.SchemaName, after.Metadata
			if after.DatabaseURL != nil {
				err = t.DatabaseURL.UnmarshalText([]byte(*after.DatabaseURL))
			}
		}
		if err == nil {
			t, err = store.Update(ctx, t)
		}
		if err != nil {
			return fmt.Errorf("%w (what you wrote is in %s)", err, name)
		}
		return errors.Join(printOne(a, a.tenants(), t), os.Remove(name))
	})
}

// editFile writes a file for the editor, which only its owner can read.
func editFile(e editable) (name string, err error) {
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp("", "tenantctl-*.json")
	if err != nil {
		return "", err
	}
	_, err = file.Write(append(data, '\n'))
	return file.Name(), errors.Join(err, file.Close())
}

// edited runs the editor on a file, and returns what the file then holds.
func (a *app) edited(ctx context.Context, name string) (e editable, err error) {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	words := strings.Fields(editor)
	if len(words) == 0 {
		words = []string{"vi"}
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], name)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.errs, a.errs
	if err := cmd.Run(); err != nil {
		return e, fmt.Errorf("the editor: %w", err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return e, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields() // a typo would change nothing
	if err := decoder.Decode(&e); err != nil {
		return e, fmt.Errorf("%w: %w", tenancy.ErrInvalid, err)
	}
	return e, nil
}
