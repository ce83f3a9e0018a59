"""Sessions: opening, refreshing, identifying the caller, ending, elevation."""
