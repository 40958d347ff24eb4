package inflight

// Waited returns how many calls the group keeps.
func (g *Group) Waited() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.calls)
}
