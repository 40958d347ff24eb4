package tenancygrpc

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// ErrorDomain is the domain of the google.rpc.ErrorInfo in a refusal.
const ErrorDomain = "tenantstore"

// answerCodes are the answers to all outcomes but those that are passed on.
var answerCodes = map[resolve.Outcome]codes.Code{
	resolve.OutcomeMissing:         codes.InvalidArgument,
	resolve.OutcomeInvalid:         codes.InvalidArgument,
	resolve.OutcomeMisdirected:     codes.InvalidArgument,
	resolve.OutcomeUnauthenticated: codes.Unauthenticated,
	resolve.OutcomeForbidden:       codes.PermissionDenied,
	resolve.OutcomeConflict:        codes.InvalidArgument,
	resolve.OutcomeUnknown:         codes.NotFound,
	resolve.OutcomeSuspended:       codes.PermissionDenied,
	resolve.OutcomeProvisioning:    codes.Unavailable,
	resolve.OutcomeDeleted:         codes.NotFound,
	resolve.OutcomeUnavailable:     codes.Unavailable,
	resolve.OutcomeCanceled:        codes.Canceled,
}

// Where a credential contradicts the rest of the call.
const verifiedConflictCode = codes.PermissionDenied

// refusal returns the answer to d, and logs it.
func (i *Interceptors) refusal(ctx context.Context, d *resolve.Decision) error {
	code := answerCodes[d.Shown]
	if d.Shown == resolve.OutcomeConflict && d.Verified {
		code = verifiedConflictCode
	}
	i.log.Log(ctx, d, slog.String("code", code.String()))
	reason, text := d.Shown.Problem()
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: strings.ToUpper(strings.ReplaceAll(reason, "-", "_")), Domain: ErrorDomain,
	}}
	if code == codes.Unavailable {
		wait := time.Duration(resolve.RetryAfter(resolve.DefaultRetryAfter, d.Err)) * time.Second
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	s := status.New(code, text)
	if detailed, err := s.WithDetails(details...); err == nil { // it always is
		s = detailed
	}
	return s.Err()
}
