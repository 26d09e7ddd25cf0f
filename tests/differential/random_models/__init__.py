"""Random Keras models, each printed as code, judged against Keras' own tape, shrunk when wrong."""
