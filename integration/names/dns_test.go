package names

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/go-tenancy/tenantstore/contrib/dns/tenancydns"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// zone is what a DNS server knows: texts by name. Names that end in refused. are refused, and
// others do not exist.
type zone map[string][]string

const label = "_example-challenge"

// newServer starts a DNS server, over UDP and TCP, and returns its address.
func newServer(t *testing.T, z zone) string {
	t.Helper()
	packets, streams := listen(t)
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: streams, Handler: z}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		ended := make(chan error, 1)
		go func() { ended <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := errors.Join(server.Shutdown(), <-ended); err != nil {
				t.Error(err)
			}
		})
	}
	return packets.LocalAddr().String()
}

// listen listens at one port over UDP and TCP.
func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var config net.ListenConfig
	for {
		packets, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := config.Listen(t.Context(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, streams
		}
		if packets.Close(); !errors.Is(err, syscall.EADDRINUSE) { // by somebody else, over TCP
			t.Fatal(err)
		}
	}
}

// ServeDNS implements [dns.Handler].
func (z zone) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	answer := new(dns.Msg)
	answer.SetReply(request)
	answer.RecursionAvailable = true
	name := request.Question[0].Name
	texts, found := z[name]
	switch {
	case strings.HasSuffix(name, ".down.test."):
		answer.SetRcode(request, dns.RcodeServerFailure)
	case !found:
		answer.SetRcode(request, dns.RcodeNameError)
	case request.Question[0].Qtype == dns.TypeTXT:
		for _, text := range texts {
			if target, ok := strings.CutPrefix(text, "CNAME "); ok {
				answer.Answer = append(answer.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: target})
				name, texts = target, z[target]
				for _, text := range texts {
					answer.Answer = append(answer.Answer, txt(name, text))
				}
				continue
			}
			answer.Answer = append(answer.Answer, txt(name, text))
		}
	}
	if _, overUDP := w.RemoteAddr().(*net.UDPAddr); overUDP {
		answer.Truncate(dns.MinMsgSize) // what is larger is asked for again over TCP
	}
	_ = w.WriteMsg(answer) // else the client has gone
}

func txt(name, text string) *dns.TXT {
	half := len(text) / 2
	return &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text[:half], text[half:]}} // one record of two strings
}

func verifier(t *testing.T, servers ...string) *tenancydns.Verifier {
	t.Helper()
	v, err := tenancydns.NewVerifier(label, servers...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifier(t *testing.T) {
	const token = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	many := []string{token}
	for range 40 {
		many = append(many, "v=spf1 "+strings.Repeat("x", 50))
	}
	z := zone{
		label + ".proven.test.":   {token},
		label + ".others.test.":   {"v=spf1 -all", token},
		label + ".large.test.":    many,
		label + ".moved.test.":    {"CNAME proof.elsewhere.test."},
		"proof.elsewhere.test.":   {token},
		label + ".wrong.test.":    {"ABCDEFGHIJKLMNOPQRSTUVWXY", token + " ", "x" + token, strings.ToLower(token)},
		label + ".empty.test.":    nil,
		"above.test.":             {token},
		label + "-2.twice.test.":  {token},
		label + ".late.test.test": {token},
	}
	v := verifier(t, newServer(t, z))
	for domain, want := range map[string]error{
		"proven.test": nil, "others.test": nil, "large.test": nil, "moved.test": nil,
		"wrong.test": tenancydns.ErrUnproven, "empty.test": tenancydns.ErrUnproven, "missing.test": tenancydns.ErrUnproven, "above.test": tenancydns.ErrUnproven,
		"twice.test": tenancydns.ErrUnproven, "late.test": tenancydns.ErrUnproven,
		"x.down.test":                      tenancy.ErrUnavailable,
		"Bad.test":                         tenancy.ErrInvalid,
		strings.Repeat("a.", 120) + "test": tenancy.ErrInvalid, // the record's name is too long for DNS
	} {
		err := v.Verify(t.Context(), tenancy.Name{Kind: tenancy.KindDomain, Value: domain, Token: token})
		if !errors.Is(err, want) || want != nil && (errors.Is(err, tenancydns.ErrUnproven) != (want == tenancydns.ErrUnproven)) { //nolint:errorlint // the value of the table
			t.Errorf("%s: %v, want %v", domain, err, want)
		}
	}
	for name, claim := range map[string]tenancy.Name{
		"no token": {Kind: tenancy.KindDomain, Value: "proven.test"}, "no domain": {Kind: tenancy.KindFormer, Value: "proven", Token: token}, "nothing": {},
	} {
		if err := v.Verify(t.Context(), claim); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every resolver must see the proof: one whose answers somebody forges, or whose cache is old,
// is not enough.
func TestVerifierWithSeveralResolvers(t *testing.T) {
	claim := tenancy.Name{Kind: tenancy.KindDomain, Value: "proven.test", Token: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	proven, unproven := newServer(t, zone{label + ".proven.test.": {claim.Token}}), newServer(t, zone{})
	if err := verifier(t, proven, proven, proven).Verify(t.Context(), claim); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := verifier(t, proven, unproven, proven).Verify(t.Context(), claim); !errors.Is(err, tenancydns.ErrUnproven) || errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("one of three does not see it: %v", err)
		}
	}
	hole := newHole(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- verifier(t, proven, hole.address).Verify(ctx, claim) }()
	for hole.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("one that does not answer, and a context that ends: %v", err)
	}
	if err := verifier(t, proven, "127.0.0.1:1").Verify(t.Context(), claim); !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("one that is not there: %v", err)
	}
}

// hole swallows what it is sent.
type hole struct {
	address string
	asked   atomic.Int64
}

func newHole(t *testing.T) *hole {
	t.Helper()
	packets, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{address: packets.LocalAddr().String()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 512); ; h.asked.Add(1) {
			if _, _, err := packets.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := packets.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return h
}

// From what somebody types to a domain that finds the tenant.
func TestFromTheClaimToTheDomain(t *testing.T) {
	store := memstore.New()
	defer store.Close()
	ctx := t.Context()
	if _, err := store.Create(ctx, tenancy.Tenant{ID: "id-acme", Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	domain, err := tenancydns.Parse("Bücher.example.", "example.com")
	if err != nil {
		t.Fatal(err)
	}
	claim, err := store.AddDomain(ctx, "id-acme", domain)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier(t, newServer(t, zone{})).Verify(ctx, claim); !errors.Is(err, tenancydns.ErrUnproven) {
		t.Fatalf("before the record is there: %v", err)
	}
	record := verifier(t).Record(claim) + "."
	if err := verifier(t, newServer(t, zone{record: {claim.Token}})).Verify(ctx, claim); err != nil {
		t.Fatal(err)
	}
	if _, err := store.VerifyDomain(ctx, "id-acme", domain); err != nil {
		t.Fatal(err)
	}
	if owner, err := store.GetByDomain(ctx, "xn--bcher-kva.example"); err != nil || owner.ID != "id-acme" {
		t.Errorf("the domain finds %q, %v", owner.ID, err)
	}
}
