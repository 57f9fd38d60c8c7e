"""istioctl itself: where each version comes from, and that it is what it says."""
