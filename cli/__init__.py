"""What the operator types: `postern serve` and the rest."""
