"""A source tree of Istio, as far as facts are derived from it, small."""

from pathlib import Path

from tests.releases.releases_on_disk import unpack

__all__ = ["write_tree"]

_VALUES = """\
_internal_defaults_do_not_set:
  hub: gcr.io/istio-testing
  tag: latest
  cni:
    enabled: false
  env: {}
  tolerations: [{key: a}]
global:
  proxy:
    logLevel: warning
"""
_TEMPLATE = """\
{{- if .Values.enabled }}
apiVersion: v1
kind: Service
metadata:
  labels:
    name: no
  name: istiod{{- if .Values.revision }}-{{ .Values.revision }}{{- end }}-remote
---
apiVersion: apps/v1
kind: Deployment
metadata:
{{- with .Values.annotations }}
  annotations: {}
{{- end }}
  name: "istiod"
spec: {}
{{- end }}
"""
_CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: virtualservices.networking.istio.io
spec:
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        properties:
          spec:
            properties:
              hosts: {type: array, items: {type: string}}
              http:
                type: array
                items:
                  properties:
                    weight: {type: integer}
                    headers: {type: object, additionalProperties: {type: string}}
                    port: {x-kubernetes-int-or-string: true}
          status: {type: object}
  - name: v1alpha3
    served: false
    storage: false
    schema: {openAPIV3Schema: {properties: {spec: {properties: {old: {type: boolean}}}}}}
"""
_FLAGS = """\
package features

const NameOfIt = "PILOT_BY_CONSTANT"

var (
	A = env.Register("PILOT_A", false, "About it, with a comma").Get()
	B = env.RegisterDurationVar(
		"PILOT_B",
		f(1, "x,)")*time.Second, // why
		"About it",
	)
	C = env.Register(NameOfIt, "a, b", "")
	D = registerAmbient("PILOT_D", true, false, "")
	E = env.Register(unknownName(), "x", "")
)
"""
_TEST = 'package features\n\nvar T = env.Register("ONLY_IN_A_TEST", 1, "")\n'
_TYPES = """\
package apis

type IstioOperatorSpec struct {
	// Hub is the hub.
	Hub string `json:"hub,omitempty"`
	Components *Components `json:"components,omitempty"`
	Values json.RawMessage `json:"values,omitempty"`
}

type Components struct {
	Pilot    *Component  `json:"pilot,omitempty"`
	Gateways []Gateway   `json:"ingressGateways,omitempty"`
}

type Component struct {
	Enabled *BoolValue `json:"enabled,omitempty"`
	Raw map[string]any `json:"-"`
}

type Gateway struct {
	Component
	Name string `json:"name,omitempty"`
}

type BoolValue struct {
	Value bool `json:"value"`
}
"""
_NOTES = {
    "upgrade-me": """\
kind: feature
area: traffic-management
releaseNotes: ["**Added** something"]
upgradeNotes:
- title: Mirrors differ
  content: |
    A VirtualService with mirrors behaves otherwise unless `PILOT_A` is false; a gateway does not.
""",
    "gone": "kind: feature\narea: installation\nreleaseNotes: ['**Removed** the value `cni.enabled`.']\n",
    "ambient-only": "kind: feature\narea: security\nreleaseNotes: ['**Updated** how ztunnel reads AuthorizationPolicy.']\n",
    "secret": "kind: security-fix\narea: security\nreleaseNotes: ['**Fixed** a hole.']\n",
    "added": "kind: feature\narea: telemetry\nreleaseNotes: ['**Added** a thing.']\n",
    "mended": "kind: bug-fix\narea: telemetry\nreleaseNotes: ['**Updated** a thing.']\n",
    "old": "kind: feature\narea: telemetry\nreleaseNotes: ['**Removed** a thing.']\n",
    "broken": "kind: [",
    "words": "just words",
}


def write_tree(root: Path, *, line: str = "1.99") -> Path:
    """Write it below ``root``; returns the tree."""
    charts = unpack(root, "1.0.0")
    tree = charts.parents[1]
    (tree / "VERSION").write_text(f"{line}\n")
    istiod = charts / "istio-control" / "istio-discovery"
    (istiod / "values.yaml").write_text(_VALUES)
    (istiod / "templates" / "map.yaml").write_text(_TEMPLATE)
    files = istiod / "files"
    files.mkdir()
    for name in ("ambient", "platform-gke", "compatibility-version-1.98", "compatibility-version-1.100"):
        (files / f"profile-{name}.yaml").write_text("{}")
    for place, text in {
        "manifests/charts/base/files/crd-all.gen.yaml": _CRD,
        "pilot/pkg/features/pilot.go": _FLAGS,
        "pilot/pkg/features/pilot_test.go": _TEST,
        "operator/pkg/apis/types.go": _TYPES,
        "istioctl/pkg/install/k8sversion/version.go": "const (\n\tMinK8SVersion               = 34\n)\n",
        **{f"releasenotes/notes/{name}.yaml": text for name, text in _NOTES.items()},
    }.items():
        file = tree / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tree
