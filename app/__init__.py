"""Mien's service: faces and emotions from pictures, over HTTP and on the command line."""

__version__ = "0.1.0"
