"""Result directories: written whole or not at all, described by a manifest, checked when they are read."""
