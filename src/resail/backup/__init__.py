"""Backups of a mesh: gathered, kept in an archive, compared, and written back."""
