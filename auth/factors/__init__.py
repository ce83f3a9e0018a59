"""Second factors, and how a user sets them up."""
