"""Folders that share a trained generator: files, model card, hashes, and transfer to and from the Hugging Face hub."""
