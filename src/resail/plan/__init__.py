"""Pure: a mesh, a release and wishes in; a plan out. Nothing here does I/O but the plan's own file."""
