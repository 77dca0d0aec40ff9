"""The file formats that traces come in, one file per format."""
