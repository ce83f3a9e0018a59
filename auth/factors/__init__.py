"""Second factors: how their answers are checked."""
