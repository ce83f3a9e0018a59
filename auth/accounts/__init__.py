"""Creating an account, and the changes that its user makes to it."""
