"""Limits that slow down guessing and protect the server from floods."""
