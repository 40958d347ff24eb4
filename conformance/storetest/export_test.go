package storetest

// ForwardsBatches is the part of RunDecorator that has no rule.
var ForwardsBatches = forwardsBatches
