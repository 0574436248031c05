"""Bridges to other libraries, one module for each; a module may be imported only where its library is installed."""
