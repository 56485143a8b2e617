"""Training: a narrow VGG from wider networks, the decoder of one pass."""
