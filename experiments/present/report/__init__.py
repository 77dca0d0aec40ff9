"""Results as one HTML page that needs nothing else: for a phone, a desk, a printer and a screen reader."""
