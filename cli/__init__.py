"""The operator's commands: `postern serve` and the rest."""
