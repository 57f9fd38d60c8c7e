"""The demo mesh: a small shop, as a team of a few people would run it, installed by Helm at Istio 1.26.0."""
