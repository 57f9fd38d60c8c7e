"""The record of a run, from its plan and its journal: data, Markdown, HTML."""
