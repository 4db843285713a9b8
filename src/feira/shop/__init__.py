"""The marketplace: a Django project of small apps that look down only."""
