"""Problems, the dashboard and email."""
