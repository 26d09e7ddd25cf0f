"""Models: the zoo, converters, digests."""
