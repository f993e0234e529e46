"""Problems, the dashboard and e-mail."""
