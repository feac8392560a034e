"""Workbooks, read by a process of its own that imports this folder alone of the project."""
