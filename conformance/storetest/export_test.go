package storetest

// ForwardsBatches is the part of RunDecorator that has no rule.
var ForwardsBatches = forwardsBatches

// MemoryWithNames returns the store under RunDecorator's stacks.
var MemoryWithNames = memoryWithNames
