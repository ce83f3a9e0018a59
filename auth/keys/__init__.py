"""Signing keys and encryption keys: their files, their rotation and their use."""
