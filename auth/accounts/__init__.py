"""Making an account, and what its user changes about it."""
