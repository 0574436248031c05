"""The files of ``deploy/``, checked as far as that goes without the engines they are for."""
