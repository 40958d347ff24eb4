// Package tenancydns stands between what people say about their domains and what a store
// keeps: [Parse] makes of what somebody types the one form of a domain that
// [tenancy.Names] takes, and a [Verifier] looks for the proof that the domain is theirs.
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
