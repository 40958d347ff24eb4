package resolve

// Watched returns how many streams w watches.
func Watched(w *Watcher) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, streams := range w.streams {
		n += max(1, len(streams)) // an empty set is a leak too
	}
	return n
}
