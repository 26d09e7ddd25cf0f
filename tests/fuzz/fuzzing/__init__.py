"""Seeded inputs that nobody would write, and judges that know nothing of the code they judge."""
