"""Where a release comes from, the catalogue of facts, and rendering."""
