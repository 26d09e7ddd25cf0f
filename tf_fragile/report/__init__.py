"""What was found, as data and as text and HTML; knows no probe and no TensorFlow."""
