"""What a run did and was about to do: an append-only log, and the lock of a state directory."""
