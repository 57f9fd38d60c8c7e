"""What undoing would do, found by letting the engine's own steps undo a cluster of which the writes are only remembered."""
