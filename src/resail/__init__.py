"""resail: Istio upgrades you can rehearse, resume and reverse."""

__all__ = ["__version__"]

__version__ = "0.1.0"
