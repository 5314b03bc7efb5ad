"""The report wing: results become tables, figures and one self-contained HTML file."""
