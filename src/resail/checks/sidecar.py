"""Which sidecar an istiod will inject, read from its rendered injector configuration."""

import json
from collections.abc import Sequence

from resail.models.identity import Manifest

__all__ = ["predicted_image"]


def predicted_image(istiod: Sequence[Manifest]) -> str:
    """The image of the sidecar: a prediction, as annotations of a pod may change it. Empty where it cannot be read.

    Args:
        istiod: the rendered objects of chart ``istiod``.
    """
    for manifest in istiod:
        name = manifest["metadata"]["name"]
        if manifest["kind"] != "ConfigMap" or not name.startswith("istio-sidecar-injector"):
            continue
        try:
            settings = json.loads(manifest["data"]["values"])["global"]
            image = settings["proxy"]["image"]
        except (KeyError, TypeError, ValueError):
            return ""
        return str(image) if "/" in image else f"{settings['hub']}/{image}:{settings['tag']}"
    return ""
