package wire

import "net/url"

// ActorHeader is the header in which a client says who makes a change, percent-encoded.
const ActorHeader = "Tenancy-Actor"

// EncodeActor returns an actor as the value of the header.
func EncodeActor(actor string) string { return url.PathEscape(actor) }

// DecodeActor undoes EncodeActor, and takes what was not encoded as it is.
func DecodeActor(value string) string {
	actor, err := url.PathUnescape(value)
	if err != nil {
		return value
	}
	return actor
}
