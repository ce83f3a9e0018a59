"""What signing in means: the flows and the primitives that they use. No HTTP, no GraphQL."""
