"""For how long this process may write to a cluster, and the leash on the programs that it has writing there."""
