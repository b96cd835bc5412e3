"""Folders that share a trained generator: their files, model card, hashes, and the exchange with the Hugging Face hub."""
