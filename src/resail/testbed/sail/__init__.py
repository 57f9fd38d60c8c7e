"""A stand-in for the Sail Operator: its resources' shapes, and what its controllers do, as far as an upgrade sees it."""
