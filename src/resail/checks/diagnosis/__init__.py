"""What is wrong with a mesh now: one module for each cause, over what was read of the mesh.

``situation`` has what rules look at, ``sign`` what they tell, ``examination`` weighs all of it against each other.
"""
