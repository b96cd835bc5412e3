"""Training: the moves, the steps and the trainer that plays a game to its end, and what looks after it."""
