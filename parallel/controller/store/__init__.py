"""The record of tasks: what was asked, what came of it, and when."""
