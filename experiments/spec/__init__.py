"""From a config in YAML to a checked experiment: documents that know their lines, overrides, factors, plug-ins."""
