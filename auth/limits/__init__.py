"""What slows down guessing and keeps the server from being flooded."""
