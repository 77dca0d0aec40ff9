"""The calls that a program can make, under Windows' names, one file for each part of the system."""
