"""What goes on in the twin by itself: one file for each controller."""

from resail.twin.controllers.manager import Controllers

__all__ = ["Controllers"]
