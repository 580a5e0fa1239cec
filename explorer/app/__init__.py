"""The dashboard: Panel's door to the labs, and its server."""
