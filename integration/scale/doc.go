// Command scale measures how the cost of what a store does grows with the number of
// its tenants, the size of its caches and the number of those who follow it, and
// writes docs/benchmarks.md:
//
//	bin/withservers go run ./integration/scale [-rows N,…] [-db sqlite,postgres] [-only name,…] [-continue]
//	go run ./integration/scale -render
//
// It finds PostgreSQL and Valkey through TENANTSTORE_POSTGRES and TENANTSTORE_VALKEY;
// each database that it makes is gone when it ends. Results are kept in
// docs/benchmarks.json, after every measurement, so that an interrupted run can be
// continued; -render draws the page from them without measuring anything. A test
// checks that the page is what the results give.
//
// Each measurement is a file of its own. What it measures runs in turns with a
// baseline that is written by hand on the same driver, wherever there is one.
//
// It is a module of its own because of what draws the plots.
package main
