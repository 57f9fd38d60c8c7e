"""The record's plots: pure functions from a journal's entries to inline SVG. They share one time axis, so that they line up."""
