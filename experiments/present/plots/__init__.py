"""The plots of a result: one self-registering file for each, with their style, their data and what draws them."""
