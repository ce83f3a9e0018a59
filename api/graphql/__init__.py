"""The GraphQL API: endpoint, operations and their limits, schema."""
