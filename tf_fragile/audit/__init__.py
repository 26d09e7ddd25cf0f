"""An audit: plan, shards, records, verdicts, report."""
