"""The catalogue of hazards: what is known to go wrong in an upgrade, each as a rule that finds it in a mesh.

``hazard`` has what a rule is, ``case`` what it looks at, ``assessment`` applies them all, ``catalogue`` lists them.
"""
