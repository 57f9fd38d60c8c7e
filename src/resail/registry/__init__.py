"""Container registries: does an image exist, and for which architectures? Nothing is pulled."""
