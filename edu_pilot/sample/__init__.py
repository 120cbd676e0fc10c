"""The fictional pilot: people, accounts and lives that reach their states through `perform` alone."""
