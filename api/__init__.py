"""What clients speak: the ASGI application, the GraphQL API and Nhost's REST routes."""
