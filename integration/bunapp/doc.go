// Package bunapp shows a program that has a *bun.DB of its own, with the query hooks of
// bun's own packages, with models that relate to tenants, and with transactions that write
// tenants and what belongs to them, under caches.
package bunapp
