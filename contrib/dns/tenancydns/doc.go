// Package tenancydns is for custom domains. [Parse] turns what people type into the form of
// a domain that [tenancy.Names] accepts, and a [Verifier] checks the proof that the domain
// is theirs.
//
//	domain, err := tenancydns.Parse(typed, "example.com")
//	…
//	claim, err := store.AddDomain(ctx, id, domain)
//	…  // show verifier.Record(claim) and claim.Token
//	err = verifier.Verify(ctx, claim)
//	…
//	_, err = store.VerifyDomain(ctx, id, domain)
//
// Everything is safe for concurrent use.
package tenancydns
