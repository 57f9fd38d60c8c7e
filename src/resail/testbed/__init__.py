"""The control-plane test bed: a real Kubernetes control plane with real istiods on loopback."""
