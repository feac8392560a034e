"""The differential test: random questions of random readers over a random world, in both lanes."""
