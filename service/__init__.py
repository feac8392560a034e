"""Puts the rooms together: settings, servers, pipeline, command line."""
