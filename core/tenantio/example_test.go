package tenantio_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// Bad lines are reported, and the others imported.
func ExampleImport() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()

	file := strings.NewReader(`{"identifier":"acme","name":"Acme","metadata":{"plan":"pro"}}
{"identifier":"Globex!","name":"Globex"}
{"identifier":"initech","name":"Initech","status":"suspended"}
`)
	report, err := tenantio.Import(ctx, store, file, tenantio.JSONLines, tenantio.ImportOptions{})
	if err != nil {
		fmt.Println(err) // the store or the file failed: run it again
		return
	}
	fmt.Println("created", report.Created, "failed", report.Failed)
	for _, e := range report.Errors {
		fmt.Println(e)
	}
	// Output:
	// created 2 failed 1
	// line 2: tenancy: Create: identifier "Globex!": identifier: invalid: must be 3 to 63 characters a-z, 0-9 or hyphen, begin with a letter and not end with a hyphen
}

// A list of another layout is mapped, line by line.
func ExampleMapCSV() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()

	file := strings.NewReader("name,domain\nMassachusetts Institute of Technology,mit.edu\n")
	records := tenantio.MapCSV(file, []string{"domain", "name"}, func(values []string) (tenancy.Tenant, error) {
		domain, name := values[0], values[1]
		return tenancy.Tenant{Identifier: strings.ReplaceAll(domain, ".", "-"), Name: name}, nil
	})
	report, err := tenantio.ImportRecords(ctx, store, records, tenantio.ImportOptions{
		Progress: func(c tenantio.Counts) { fmt.Println("line", c.Line) },
		OnError:  func(e *tenantio.LineError) { fmt.Println(e) },
	})
	fmt.Println("created", report.Created, err)
	// Output:
	// line 2
	// created 1 <nil>
}

func ExampleExport() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	_, err := store.Create(ctx, tenancy.Tenant{
		Identifier: "acme", Name: "=Acme, Inc.", DatabaseURL: tenancy.NewSecret("postgres://user:password@db/acme"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file strings.Builder
	n, err := tenantio.Export(ctx, store, &file, tenantio.CSV, tenantio.ExportOptions{})
	header, line, _ := strings.Cut(file.String(), "\r\n")
	fmt.Println(n, err)
	fmt.Println(header)
	fmt.Println(strings.Contains(line, `acme,"'=Acme, Inc.",active`))
	_, err = tenantio.Import(ctx, store, strings.NewReader(file.String()), tenantio.CSV, tenantio.ImportOptions{})
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// id,identifier,name,status,isolation,schema_name,metadata,created_at,updated_at,revision,mark
	// true
	// <nil>
}
