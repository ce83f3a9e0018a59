"""Sessions: opening, refreshing, knowing who asks, ending, elevation."""
