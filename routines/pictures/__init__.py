"""A routine as a picture for people: first a table, then the same as Mermaid text and as SVG."""
