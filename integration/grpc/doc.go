// Package grpc tests tenancygrpc together with a stack of caches. It holds tests only.
package grpc
