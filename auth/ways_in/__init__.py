"""First factors: each proves who somebody is, and hands over to the one door, `auth.admission`."""
