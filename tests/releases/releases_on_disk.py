"""A release archive as Istio publishes it, small."""

from pathlib import Path

__all__ = ["unpack"]

_FOLDERS = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "cni": "istio-cni",
    "ztunnel": "ztunnel",
    "gateway": "gateway",
}

_CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  greeting: {{ .Values.greeting | quote }}
  answer: "yes"
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}
stringData:
  password: do-not-show
---
apiVersion: batch/v1
kind: Job
metadata:
  name: hook
  annotations:
    "helm.sh/hook": pre-install
"""


def unpack(root: Path, version: str = "1.27.9") -> Path:
    """Write ``istio-VERSION/manifests/charts`` below ``root``; returns the charts' folder."""
    charts = root / f"istio-{version}" / "manifests" / "charts"
    for name, folder in _FOLDERS.items():
        chart = charts / folder
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: {version}\n")
        (chart / "values.yaml").write_text("_internal_defaults_do_not_set:\n  greeting: hello\ngreeting: hello\n")
        (chart / "templates" / "map.yaml").write_text(_CONFIG_MAP)
    return charts
