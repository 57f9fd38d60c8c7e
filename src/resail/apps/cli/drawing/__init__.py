"""Tables for people, by rich."""
