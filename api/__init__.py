"""What clients speak: the ASGI application and the GraphQL schema."""
