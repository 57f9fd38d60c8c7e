"""Helm v4 in a worker process: rendering for the planner, releases for the installer."""

from resail.releases.helm.client import HelmWorker, start_worker

__all__ = ["HelmWorker", "start_worker"]
