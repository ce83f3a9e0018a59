"""First factors: each proves who somebody is, and hands the proof to `auth.admission`."""
