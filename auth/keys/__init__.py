"""Keys that sign and keys that encrypt: their files, their rotation and their use."""
