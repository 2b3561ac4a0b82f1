"""Analysis: curves and pictures from what a run wrote."""
