"""Several configurations trained one after another into one folder, which a stopped sweep goes on in."""
