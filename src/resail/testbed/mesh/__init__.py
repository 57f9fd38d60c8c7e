"""The demo mesh: a small shop on Istio 1.26.0, installed as its owners would have installed it."""

from resail.testbed.mesh.install import DEMO_VERSION, install_demo_mesh

__all__ = ["DEMO_VERSION", "install_demo_mesh"]
