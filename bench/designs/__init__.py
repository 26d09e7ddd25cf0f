"""Architectures that other people published, built small, each beside a twin that ends in logits.

Code of our own after the descriptions: keras.io's examples, keras.applications, KerasHub.
"""
