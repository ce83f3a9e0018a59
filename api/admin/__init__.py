"""The operators' interface: a GraphQL schema of its own, so that the public one stays small."""
