"""The run directory: manifest, shards, records and pictures, each written in one step."""
