"""How results are shown: tables and sentences for terminal, Markdown and HTML, plots, reports, and files for other
tools."""
