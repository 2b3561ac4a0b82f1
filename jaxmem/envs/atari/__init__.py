"""Games of the Arcade Learning Environment, played many at once by ale-py inside compiled programs."""
